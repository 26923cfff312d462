/** Custom domains of a project: claimed by anybody, served for the one who shows that they control the DNS. */
import { addDomainBody, type DomainView } from "@bifrost/shared/api/routes";
import { type DomainClaim, newClaim, verificationName } from "@bifrost/shared/domain/domain-claim";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { parseDomain } from "@bifrost/shared/domain/hosts";
import type { Project } from "@bifrost/shared/domain/project";
import type { Versioned } from "@bifrost/shared/ports/deployment-store";
import { Hono } from "hono";
import type { Ports } from "../ports.ts";
import { readJson } from "../read-body.ts";
import { type ApiVariables, requireScope } from "./authenticate.ts";
import { findProject } from "./find.ts";

type Needs = Pick<
  Ports,
  "projects" | "deployments" | "domains" | "domainRecords" | "config" | "random" | "clock"
>;

const MAX_DOMAINS = 100;

/** Mounted at `/projects/:project`. */
export function projectDomainRoutes(ports: Needs) {
  const app = new Hono<{ Variables: ApiVariables }>();

  app.get("/domains", async (context) => {
    const { value: project } = await findProject(
      ports,
      context.get("person"),
      context.req.param("project") ?? "",
    );
    const claims = await ports.domains.list(project.id);
    return context.json({ items: claims.map(toView), nextCursor: null });
  });

  app.post("/domains", async (context) => {
    const person = context.get("person");
    requireScope(person, "deploy");
    const { value: project } = await findProject(ports, person, context.req.param("project") ?? "");
    const body = await readJson(context.req.raw, addDomainBody);
    const domain = parseDomain(body.domain, ports.config.domain);
    const known = await ports.domains.read(domain, project.id);
    if (known !== null) return context.json(toView(known.value));
    const claim = newClaim(domain, project.id, ports.random, ports.clock.now());
    await assertRoom(ports, project);
    await ports.domains.create(claim);
    return context.json(toView(claim), 201);
  });

  app.post("/domains/:domain/verify", async (context) => {
    const person = context.get("person");
    requireScope(person, "deploy");
    const { value: project } = await findProject(ports, person, context.req.param("project") ?? "");
    const claim = await findClaim(ports, project, context.req.param("domain"));
    if (claim.value.verifiedAt === null) {
      await assertControl(ports, claim.value);
      await ports.domains.verify(claim);
    }
    const { value } = await findClaim(ports, project, claim.value.domain);
    return context.json(toView(value));
  });

  app.delete("/domains/:domain", async (context) => {
    const person = context.get("person");
    requireScope(person, "deploy");
    const { value: project } = await findProject(ports, person, context.req.param("project") ?? "");
    const claim = await findClaim(ports, project, context.req.param("domain"));
    await ports.domains.delete(claim);
    return context.json({ deleted: claim.value.domain });
  });

  return app;
}

async function assertRoom(ports: Needs, project: Project): Promise<void> {
  const { length } = await ports.domains.list(project.id);
  if (length < MAX_DOMAINS) return;
  throw new BifrostError(
    "bad-request",
    `a project has at most ${MAX_DOMAINS} domains; remove one first`,
    { domains: length },
  );
}

async function findClaim(
  ports: Needs,
  project: Project,
  key: string,
): Promise<Versioned<DomainClaim>> {
  const domain = parseDomain(key, ports.config.domain);
  const claim = await ports.domains.read(domain, project.id);
  if (claim !== null) return claim;
  throw new BifrostError(
    "not-found",
    `${project.slug} has not added ${domain}; \`bifrost domains add ${domain}\` does`,
    { project: project.slug, domain },
  );
}

async function assertControl(ports: Needs, { domain, token }: DomainClaim): Promise<void> {
  if (ports.config.domainVerification === "off") return;
  const records = await ports.domainRecords();
  const name = verificationName(domain);
  const texts = await records.texts(name);
  if (texts.some((text) => text.trim() === token)) return;
  const found = texts.length === 0 ? "no such record" : texts.map((text) => `"${text}"`).join(", ");
  throw new BifrostError(
    "not-ready",
    `${domain} is not verified: ${name} must have the TXT record "${token}", and has ${found.slice(0, 300)}; a new record may take minutes to be seen`,
    { domain, name, token },
  );
}

function toView({ domain, token, verifiedAt, createdAt }: DomainClaim): DomainView {
  return {
    domain,
    verifiedAt: verifiedAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    record: { type: "TXT", name: verificationName(domain), value: token },
  };
}
