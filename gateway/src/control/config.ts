/** Reads and changes the configuration of a store that belongs to the gateways themselves. */
import {
  CONFIG_KINDS,
  type ConfigDocument,
  type ConfigKind,
  type ConfigValue,
} from "@bifrost/shared/domain/config-document";
import { DOCUMENT_SCHEMAS } from "@bifrost/shared/domain/config-schemas";
import { parseConfigVersion } from "@bifrost/shared/domain/config-version";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { ConfigStore, Expected } from "@bifrost/shared/ports/config-store";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import * as v from "valibot";
import { problemResponse } from "./problem.ts";

/** Configuration that is the gateways' own to change. */
export interface OwnConfig {
  readonly store: ConfigStore;
  close(): Promise<void>;
}

/** Of a document; the source of a policy is the longest thing in one. */
const MAX_BYTES = 256 * 1024;

const TOO_LARGE = new BifrostError("body-too-large", `A document is at most ${MAX_BYTES} bytes.`);

/** What is left of the body is not waited for. */
function tooLarge(): Response {
  const response = problemResponse(TOO_LARGE);
  response.headers.set("connection", "close");
  return response;
}

/** null = the configuration belongs to somebody else. */
export function configRoutes(own: Pick<OwnConfig, "store"> | null): Hono {
  const app = new Hono();
  app.use("/config/*", bodyLimit({ maxSize: MAX_BYTES, onError: tooLarge }));
  app.get("/config/:kind", async (c) => {
    const documents = await storeOf(own).list(kindIn(c));
    return c.json({ documents });
  });
  app.get("/config/:kind/:id", async (c) => {
    const [kind, id] = [kindIn(c), c.req.param("id")];
    const document = await storeOf(own).read(kind, id);
    if (document === null) throw notThere(kind, id);
    return answer(c, document);
  });
  app.put("/config/:kind/:id", async (c) => {
    const [kind, id] = [kindIn(c), c.req.param("id")];
    const store = storeOf(own);
    const value = valueIn(kind, id, await c.req.text());
    const version = await store.write({ kind, id, value, expected: expectedIn(c) });
    return answer(c, { id, version, value });
  });
  app.delete("/config/:kind/:id", async (c) => {
    const [kind, id] = [kindIn(c), c.req.param("id")];
    const store = storeOf(own);
    const current = await store.read(kind, id);
    if (current === null) throw notThere(kind, id);
    const expected = expectedIn(c) ?? current.version;
    await store.write({ kind, id, value: null, expected });
    return c.body(null, 204);
  });
  return app;
}

function answer(c: Context, document: ConfigDocument): Response {
  c.header("etag", `"${document.version}"`);
  return c.json(document);
}

function storeOf(own: Pick<OwnConfig, "store"> | null): ConfigStore {
  if (own !== null) return own.store;
  throw new BifrostError(
    "not-implemented",
    "The configuration is in Firestore and is changed through the platform's API; here it is changed where config_store is postgres.",
  );
}

function kindIn(c: Context): ConfigKind {
  const found = c.req.param("kind") ?? "";
  const kind = CONFIG_KINDS.find((one) => one === found);
  if (kind !== undefined) return kind;
  const message = `There is no kind ${JSON.stringify(found)}; the kinds are ${CONFIG_KINDS.join(", ")}.`;
  throw new BifrostError("not-found", message);
}

/** `If-Match: "<version>"`, or `If-None-Match: *` for one that must be new; without them whatever is there is replaced. */
function expectedIn(c: Context): Expected {
  const match = c.req.header("if-match");
  if (match === undefined) return c.req.header("if-none-match") === "*" ? null : undefined;
  const version = parseConfigVersion(/^"(.*)"$/.exec(match)?.[1]);
  if (version !== undefined) return version;
  const message = `If-Match must be the ETag that was read, such as "0190f3c2a1b20000", found ${JSON.stringify(match.slice(0, 40))}.`;
  throw new BifrostError("bad-request", message);
}

function valueIn(kind: ConfigKind, id: string, body: string): ConfigValue {
  const schemas = DOCUMENT_SCHEMAS[kind];
  const name = v.safeParse(schemas.id, id);
  if (!name.success) throw refused(`the id ${JSON.stringify(id)}`, name.issues[0].message);
  const read = v.safeParse(schemas.value, parsed(body));
  if (read.success) return read.output as ConfigValue;
  const where = v.getDotPath(read.issues[0]) ?? `${kind}/${id}`;
  throw refused(where, read.issues[0].message);
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw refused("the body", "must be JSON");
  }
}

function refused(where: string, why: string): BifrostError {
  return new BifrostError("bad-request", `${where}: ${why}`);
}

function notThere(kind: ConfigKind, id: string): BifrostError {
  return new BifrostError("not-found", `There is no ${kind}/${id}.`);
}
