/** What a call asks for, from its path and its body. */
import { jsonOrNull } from "@bifrost/shared/domain/json-or-null";
import * as v from "valibot";

export interface CallTarget {
  /** Name of the provider. */
  readonly provider: string;
  /** Path and query at the provider, beginning with `/`. */
  readonly path: string;
}

/** `/openai/v1/models?limit=1` → openai and `/v1/models?limit=1`; null = it names no provider. */
export function readTarget(target: string): CallTarget | null {
  const match = /^\/([a-z][a-z0-9-]{0,39})(\/[\x21-\x7e]*)$/.exec(target);
  const [, provider, path] = match ?? [];
  if (provider === undefined || path === undefined || leavesFolder(path)) return null;
  return { provider, path };
}

const modelSchema = v.object({
  model: v.pipe(v.string(), v.maxLength(128), v.regex(/^[\x21-\x7e]+$/)),
});

/** Google names the model in the path. */
const MODEL_IN_PATH = /\/models\/([A-Za-z0-9._-]{1,128}):[A-Za-z]+(?:\?|$)/;

/** "" = the call names no model that can be read; only the limits of all models hold for it. */
export function modelOf(path: string, body: Uint8Array): string {
  const [, inPath] = MODEL_IN_PATH.exec(path) ?? [];
  if (inPath !== undefined) return inPath;
  // Whatever type it claims to be: providers do not all look at it.
  const parsed = v.safeParse(modelSchema, jsonOrNull(Buffer.from(body).toString("utf8")));
  return parsed.success ? parsed.output.model : "";
}

/** Whatever spelling a provider might take for `..`. */
function leavesFolder(path: string): boolean {
  const [bare = ""] = path.split("?");
  const plain = bare.replace(/%2e/gi, ".").replace(/%2f|%5c|\\/gi, "/");
  return plain.split("/").includes("..");
}
