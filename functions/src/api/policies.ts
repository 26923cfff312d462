import { pushPolicyBody } from "@bifrost/shared/api/policies";
import { Hono } from "hono";
import type { Ports } from "../ports.ts";
import { readJson } from "../read-body.ts";
import { type ApiVariables, requireScope } from "./authenticate.ts";
import { policyChangeRoutes, retried } from "./change-policy.ts";
import { entityTag } from "./entity-tag.ts";
import { findPolicy, seesRequests } from "./find-policy.ts";
import {
  standardPolicyViews,
  toPolicyDetails,
  toPolicyLogView,
  toPolicyVersionView,
  toPolicyView,
  withoutReport,
} from "./policy-views.ts";
import { pushPolicy } from "./push-policy.ts";

type Needs = Pick<Ports, "policies" | "objects" | "config" | "clock">;

/** Two sources of 64 KiB and their escapes. */
const MAX_PUSH_BYTES = 512 * 1024;
const MAX_LOG_BATCHES = 500;

export function policyRoutes(ports: Needs) {
  const app = new Hono<{ Variables: ApiVariables }>();

  app.get("/", async (context) => {
    const policies = await ports.policies.list(context.get("person").teamIds);
    const items = [...policies.map(toPolicyView), ...standardPolicyViews()];
    return context.json({ items, nextCursor: null });
  });

  app.post("/", async (context) => {
    const body = await readJson(context.req.raw, pushPolicyBody, MAX_PUSH_BYTES);
    const person = context.get("person");
    requireScope(person, body.scope === "platform" ? "admin" : "deploy");
    const { policy, version, isNew } = await retried(() => pushPolicy(ports, person, body));
    const answer = { policy: toPolicyView(policy), version: toPolicyVersionView(version) };
    return context.json(answer, isNew ? 201 : 200);
  });

  app.get("/:name", async (context) => {
    const person = context.get("person");
    const found = await findPolicy(ports, person, context.req.param("name"));
    const versions = await ports.policies.versions(found.value.name);
    const shown = seesRequests(person, found.value) ? versions : versions.map(withoutReport);
    context.header("etag", entityTag(found));
    return context.json(toPolicyDetails(found.value, shown));
  });

  app.get("/:name/logs", async (context) => {
    const name = context.req.param("name");
    const { value: policy } = await findPolicy(ports, context.get("person"), name);
    if (!seesRequests(context.get("person"), policy)) requireScope(context.get("person"), "admin");
    const limit = Math.min(Number(context.req.query("limit") ?? 100) || 100, MAX_LOG_BATCHES);
    const after = context.req.query("cursor");
    const batches = await ports.policies.log(name, {
      limit: Math.max(1, Math.floor(limit)),
      ...(after === undefined ? {} : { after }),
    });
    return context.json({
      items: batches.map(toPolicyLogView),
      nextCursor: batches.at(-1)?.id ?? after ?? null,
    });
  });

  app.route("/:name", policyChangeRoutes(ports));
  return app;
}
