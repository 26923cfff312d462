/** Which policies run where: on every host of a project, on every host of the platform. */
import { attachedPolicies } from "@bifrost/shared/api/policies";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { type PolicyAttachment, STANDARD_PREFIX } from "@bifrost/shared/domain/policy";
import { checkSettings } from "@bifrost/shared/domain/policy-settings";
import { STANDARD_POLICIES, standardPolicy } from "@bifrost/shared/domain/standard-policies";
import { Hono } from "hono";
import type { Ports } from "../ports.ts";
import { readJson } from "../read-body.ts";
import { type ApiVariables, requireScope } from "./authenticate.ts";
import { entityTag, requireMatch } from "./entity-tag.ts";
import { findProject } from "./find.ts";

type Needs = Pick<Ports, "policies" | "projects" | "deployments">;

/** Mounted at `/projects/:project/policies`. */
export function projectPolicyRoutes(ports: Needs) {
  const app = new Hono<{ Variables: ApiVariables }>();

  app.get("/", async (context) => {
    const project = await findProject(
      ports,
      context.get("person"),
      context.req.param("project") ?? "",
    );
    context.header("etag", entityTag(project));
    return context.json({ policies: project.value.policies ?? [] });
  });

  app.put("/", async (context) => {
    const person = context.get("person");
    requireScope(person, "deploy");
    const project = await findProject(ports, person, context.req.param("project") ?? "");
    requireMatch(context.req.header("if-match"), project);
    const { policies } = await readJson(context.req.raw, attachedPolicies);
    const { teamId, policies: before = [] } = project.value;
    await requireAttachable(ports, policies, { teamId, before });
    await ports.projects.attach(project, policies);
    return context.json({ policies });
  });

  return app;
}

/** Mounted at `/platform/policies`. */
export function platformPolicyRoutes(ports: Needs) {
  const app = new Hono<{ Variables: ApiVariables }>();

  app.get("/", async (context) => {
    const current = await ports.policies.platformPolicies();
    context.header("etag", entityTag(current));
    // Which policies run on everybody's hosts is for everybody; their settings may hold secrets.
    const policies = context.get("person").scopes.includes("admin")
      ? current.value
      : current.value.map(({ policy }) => ({ policy, config: {} }));
    return context.json({ policies });
  });

  app.put("/", async (context) => {
    requireScope(context.get("person"), "admin");
    const current = await ports.policies.platformPolicies();
    requireMatch(context.req.header("if-match"), current);
    const { policies } = await readJson(context.req.raw, attachedPolicies);
    await requireAttachable(ports, policies, { teamId: null, before: current.value });
    await ports.policies.setPlatformPolicies(current, policies);
    return context.json({ policies });
  });

  return app;
}

interface Place {
  /** Owner of what they are attached to; null = the platform. */
  readonly teamId: string | null;
  /** Attached there already: these may stay although a fault has disabled them or their settings are wrong by now. */
  readonly before: readonly PolicyAttachment[];
}

/**
 * Throws unless every one of them exists, may be used there, handles requests, has a version in service and, as far as that is
 * known here, takes its settings.
 */
export async function requireAttachable(
  ports: Pick<Ports, "policies">,
  attachments: readonly PolicyAttachment[],
  place: Place,
): Promise<void> {
  const known = new Set(place.before.map(({ policy }) => policy));
  const unchanged = new Set(place.before.map((attachment) => JSON.stringify(attachment)));
  for (const attachment of attachments) {
    const isNew = !unchanged.has(JSON.stringify(attachment));
    if (isNew && attachment.policy.startsWith(STANDARD_PREFIX)) requireStandard(attachment);
  }
  for (const name of new Set(attachments.map(({ policy }) => policy)))
    if (!name.startsWith(STANDARD_PREFIX))
      await requireStored(ports, name, place.teamId, known.has(name));
}

function requireStandard({ policy: name, config }: PolicyAttachment): void {
  const standard = standardPolicy(name);
  if (standard === null) {
    const all = Object.keys(STANDARD_POLICIES).map((one) => `${STANDARD_PREFIX}${one}`);
    throw refusal(name, `there is no ${name}; there are ${all.join(", ")}`);
  }
  const wrong = checkSettings(standard, config);
  if (wrong === null) return;
  throw refusal(name, `${name}: ${wrong}; \`bifrost policies show ${name}\` lists its settings`);
}

async function requireStored(
  { policies }: Pick<Ports, "policies">,
  name: string,
  teamId: string | null,
  isAttached: boolean,
): Promise<void> {
  const found = (await policies.read(name))?.value ?? null;
  if (found === null || (found.teamId !== null && found.teamId !== teamId)) {
    const whose = teamId === null ? "the platform's" : "your team's or the platform's";
    throw refusal(name, `there is no policy ${name} among ${whose}`);
  }
  if (found.kind !== "request")
    throw refusal(name, `${name} is of the kind ${found.kind}: it handles no requests`);
  if (found.activeVersion !== null || isAttached) return;
  const message = `${name} has no version in service; \`bifrost policies activate ${name}\` first`;
  throw new BifrostError("not-ready", message, { policy: name });
}

function refusal(policy: string, message: string): BifrostError {
  return new BifrostError("bad-request", message, { policy });
}
