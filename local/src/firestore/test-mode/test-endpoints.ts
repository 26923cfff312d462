/** The two paths of Google's emulator that its test library calls: load rules, delete everything. */
import type { DatabaseName } from "../resource-name.ts";
import { invalid, RpcError } from "../rpc-error.ts";
import { RulesSyntaxError } from "../rules/rules-syntax-error.ts";
import type { Store } from "../store/store.ts";
import { listAt, objectAt, stringAt } from "../wire-json.ts";
import type { ReplaceableRules } from "./replaceable-rules.ts";

/** Answers a path below /emulator/; undefined for any other. Throws RpcError. */
export type TestEndpoints = (
  httpMethod: string,
  url: string,
  readBody: () => unknown,
) => Promise<object> | undefined;

const PREFIX = "/emulator/v1/projects/";

export function testEndpoints(
  store: Store,
  database: DatabaseName,
  rules: ReplaceableRules,
): TestEndpoints {
  const { projectId } = database;
  const own = {
    rules: `${PREFIX}${projectId}:securityRules`,
    documents: `${PREFIX}${projectId}/databases/(default)/documents`,
  };
  return (httpMethod, url, readBody) => {
    if (!url.startsWith("/emulator/")) return undefined;
    const path = url.split("?", 1)[0] ?? url;
    if (httpMethod === "PUT" && path === own.rules) return replaceRules(rules, readBody());
    if (httpMethod === "DELETE" && path === own.documents) return deleteAll(store, database);
    throw new RpcError(
      "NOT_FOUND",
      `${httpMethod} ${path.slice(0, 200)} is unknown. This server holds one database, of the project ${projectId}; ` +
        `in test mode it answers PUT ${own.rules} and DELETE ${own.documents}.`,
    );
  };
}

async function replaceRules(rules: ReplaceableRules, body: unknown): Promise<object> {
  const files = listAt(objectAt(objectAt(body, "body")["rules"], "rules")["files"], "rules.files");
  if (files.length !== 1) throw invalid(`Rules are one file, found ${files.length}.`);
  const content = stringAt(objectAt(files[0], "rules.files")["content"], "rules.files.content");
  try {
    rules.replace(content);
  } catch (error) {
    if (error instanceof RulesSyntaxError) {
      throw new RpcError("INVALID_ARGUMENT", error.message, { cause: error });
    }
    throw error;
  }
  return {};
}

/** One commit, past the rules, so that a listener sees all or nothing of it. */
async function deleteAll(store: Store, database: DatabaseName): Promise<object> {
  const names = [...store.latest.under(database.root)].map(({ name }) => name);
  const deletes = names.map((name) => ({ kind: "delete", name, precondition: {} }) as const);
  await store.commit(deletes, () => undefined);
  return {};
}
