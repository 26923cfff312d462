/** Module `http`: requests, with an identity token of the workflow's service account when `auth` asks for one. */
import type { HttpResponse } from "../http-client.ts";
import { LIMITS } from "../limits.ts";
import type { Runner } from "../runner.ts";
import type { Value, ValueMap } from "../value.ts";
import { isList, isMap, toJsonText, typeName, valueFromJson } from "../value.ts";
import { ExecutionCancelled, messageText, raised, WorkflowError } from "../workflow-error.ts";
import { refuseUnknownArguments } from "./function.ts";

const ARGUMENTS = ["method", "url", "headers", "query", "body", "auth", "timeout"] as const;
const METHODS: ReadonlySet<string> = new Set([
  "DELETE",
  "GET",
  "HEAD",
  "OPTIONS",
  "PATCH",
  "POST",
  "PUT",
]);

/** @throws WorkflowError `HttpError` with code, headers and body for a status of 400 and above. */
export async function callHttp(name: string, args: ValueMap, runner: Runner): Promise<Value> {
  refuseUnknownArguments(name, args, ARGUMENTS);
  const url = urlOf(args);
  const { headers, body } = encodeBody(args);
  if (args["auth"] !== undefined && args["auth"] !== null) {
    headers["authorization"] = `Bearer ${await tokenFor(args["auth"], url, runner)}`;
  }
  const response = await runner.services.http.send({
    method: methodOf(name, args),
    url,
    headers,
    body,
    timeoutSeconds: timeoutOf(args),
    signal: runner.signal,
  });
  const answer = {
    body: decodeBody(response),
    code: response.status,
    headers: response.headers,
  };
  if (response.status < 400) return answer;
  const message = `HTTP server responded with error code ${response.status}`;
  throw raised("HttpError", message, answer);
}

function methodOf(name: string, args: ValueMap): string {
  const asked = name === "http.request" ? (args["method"] ?? null) : name.slice("http.".length);
  const method = typeof asked === "string" ? asked.toUpperCase() : "";
  if (METHODS.has(method)) return method;
  throw raised("ValueError", `${name}: method must be one of ${[...METHODS].join(", ")}`);
}

function urlOf(args: ValueMap): URL {
  const text = args["url"];
  if (typeof text !== "string" || !URL.canParse(text)) {
    throw raised(
      "ValueError",
      `http: url must be an absolute URL, found ${toJsonText(text ?? null)}`,
    );
  }
  const url = new URL(text);
  const query = args["query"] ?? {};
  if (!isMap(query)) throw raised("TypeError", "http: query must be a map");
  for (const [key, value] of Object.entries(query)) {
    for (const item of isList(value) ? value : [value]) url.searchParams.append(key, asText(item));
  }
  return url;
}

function timeoutOf(args: ValueMap): number {
  const timeout = args["timeout"] ?? LIMITS.httpTimeoutSeconds;
  if (typeof timeout === "number" && timeout > 0 && timeout <= LIMITS.httpTimeoutSeconds) {
    return timeout;
  }
  throw raised("ValueError", `http: timeout must be 1 to ${LIMITS.httpTimeoutSeconds} seconds`);
}

function encodeBody(args: ValueMap): {
  headers: Record<string, string>;
  body: Uint8Array | undefined;
} {
  const headers: Record<string, string> = {};
  const given = args["headers"] ?? {};
  if (!isMap(given)) throw raised("TypeError", "http: headers must be a map");
  for (const [key, value] of Object.entries(given)) headers[key.toLowerCase()] = asText(value);
  const body = args["body"] ?? null;
  if (body === null) return { headers, body: undefined };
  if (body instanceof Uint8Array) return { headers, body };
  if (typeof body === "string") return { headers, body: Buffer.from(body) };
  const isForm = (headers["content-type"] ?? "").startsWith("application/x-www-form-urlencoded");
  if (isForm && isMap(body)) {
    const form = Object.entries(body).map(([key, value]): [string, string] => [key, asText(value)]);
    return { headers, body: Buffer.from(new URLSearchParams(form).toString()) };
  }
  headers["content-type"] ??= "application/json; charset=utf-8";
  return { headers, body: Buffer.from(toJsonText(body)) };
}

function decodeBody(response: HttpResponse): Value {
  const type = response.headers["content-type"] ?? "";
  if (/[/+]json\b/.test(type)) {
    if (response.body.length === 0) return null;
    try {
      return valueFromJson(JSON.parse(Buffer.from(response.body).toString()));
    } catch (error) {
      throw raised("ResponseTypeError", `the answer is not JSON: ${messageText(error)}`);
    }
  }
  const isText = type === "" || type.startsWith("text/");
  return isText ? Buffer.from(response.body).toString() : response.body;
}

async function tokenFor(auth: Value, url: URL, runner: Runner): Promise<string> {
  const type = isMap(auth) ? auth["type"] : undefined;
  if (!isMap(auth) || type !== "OIDC") {
    throw raised(
      "AuthError",
      `http: auth type ${toJsonText(type ?? null)} is not available; use OIDC`,
    );
  }
  const audience = auth["audience"] ?? `${url.origin}${url.pathname}`;
  if (typeof audience !== "string") {
    throw raised("TypeError", `http: audience must be a string, not ${typeName(audience)}`);
  }
  try {
    return await runner.services.idToken(audience, runner.facts.serviceAccount);
  } catch (error) {
    if (error instanceof WorkflowError || error instanceof ExecutionCancelled) throw error;
    throw raised("AuthError", `no identity token for ${audience}: ${messageText(error)}`);
  }
}

function asText(value: Value): string {
  return typeof value === "string" ? value : toJsonText(value);
}
