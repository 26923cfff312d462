/** What puts a policy's versions in service and takes them out of it. */
import { activatePolicyBody } from "@bifrost/shared/api/policies";
import { BifrostError, isBifrostError } from "@bifrost/shared/domain/errors";
import type { Policy, PolicyVersion } from "@bifrost/shared/domain/policy";
import { activated, reverted, type Act } from "@bifrost/shared/domain/policy-changes";
import type { Person } from "@bifrost/shared/ports/team-directory";
import { Hono } from "hono";
import type { Ports } from "../ports.ts";
import { readJson } from "../read-body.ts";
import type { ApiVariables } from "./authenticate.ts";
import { requireMatch } from "./entity-tag.ts";
import { findPolicy, requireOwner } from "./find-policy.ts";
import { toPolicyView } from "./policy-views.ts";

type Needs = Pick<Ports, "policies" | "clock">;

const TRIES = 4;

/** Mounted at `/policies/:name`. */
export function policyChangeRoutes(ports: Needs) {
  const app = new Hono<{ Variables: ApiVariables }>();

  app.post("/activate", async (context) => {
    const { version } = await readJson(context.req.raw, activatePolicyBody);
    const policy = await changePolicy(ports, contextOf(context), async (current, act) => {
      const found = await ports.policies.readVersion(current.name, version);
      requirePassed(current.name, version, found?.value ?? null);
      return activated(current, version, act);
    });
    return context.json(toPolicyView(policy));
  });

  app.post("/revert", async (context) => {
    const policy = await changePolicy(ports, contextOf(context), async (current, act) => {
      if (current.activeVersion !== null) return reverted(current, act);
      const message = `${current.name} has no version in service, so there is nothing to revert`;
      throw new BifrostError("not-ready", message, { policy: current.name });
    });
    return context.json(toPolicyView(policy));
  });

  app.delete("/", async (context) => {
    const { person, name, ifMatch } = contextOf(context);
    const found = await findPolicy(ports, person, name);
    requireOwner(person, found.value);
    requireMatch(ifMatch, found);
    const uses = await ports.policies.uses(name);
    if (uses.length > 0) {
      const message = `${name} is attached to ${uses.join(", ")}; detach it first`;
      throw new BifrostError("policy-in-use", message, { policy: name, uses });
    }
    await ports.policies.delete(found);
    return context.json({ deleted: name });
  });

  return app;
}

interface ChangeRequest {
  readonly person: Person;
  readonly name: string;
  readonly ifMatch: string | undefined;
}

function contextOf(context: {
  readonly get: (key: "person") => Person;
  readonly req: {
    readonly param: (key: string) => string | undefined;
    readonly header: (name: string) => string | undefined;
  };
}): ChangeRequest {
  return {
    person: context.get("person"),
    name: context.req.param("name") ?? "",
    ifMatch: context.req.header("if-match"),
  };
}

/** Loads, decides, saves; a decision that changes nothing writes nothing. */
function changePolicy(
  ports: Needs,
  { person, name, ifMatch }: ChangeRequest,
  decide: (current: Policy, act: Act) => Promise<Policy>,
): Promise<Policy> {
  return retried(async () => {
    const found = await findPolicy(ports, person, name);
    requireOwner(person, found.value);
    requireMatch(ifMatch, found);
    const at = new Date(ports.clock.now());
    const next = await decide(found.value, { by: person.uid, at });
    if (next !== found.value) await ports.policies.change(found, next);
    return next;
  });
}

/** Again when somebody else changed the document between reading and writing. */
export async function retried<T>(task: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await task();
    } catch (error) {
      if (!isBifrostError(error, "write-conflict") || tries === TRIES) throw error;
    }
  }
}

function requirePassed(name: string, version: number, found: PolicyVersion | null): void {
  const facts = { policy: name, version };
  if (found === null) {
    const message = `${name} has no version ${version}; \`bifrost policies show ${name}\` lists them`;
    throw new BifrostError("not-found", message, facts);
  }
  if (found.verdict === "passed") return;
  if (found.verdict === "pending") {
    const message = `version ${version} of ${name} is still being checked; try again in a moment`;
    throw new BifrostError("not-ready", message, facts);
  }
  const message = `version ${version} of ${name} failed its check:\n${found.report.join("\n")}`;
  throw new BifrostError("policy-not-passed", message, { ...facts, report: found.report });
}
