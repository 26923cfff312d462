/** Which operations a script may ask for: nothing that breaks the framing of messages or speaks in the gateway's name. */
import { isToken } from "../proxy/header-block.ts";
import { HostRefusal } from "./lua-stack.ts";
import { OPERATION, type OperationCode } from "./prelude.ts";

/** As long as a whole head may be. */
const MAX_VALUE = 8192;
export const MAX_BODY = 64 * 1024;
export const REDIRECTS = [301, 302, 303, 307, 308];

/** Fields of one hop, of framing and of routing. */
const OWN_FIELDS = new Set([
  "connection",
  "content-length",
  "expect",
  "forwarded",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
const OWN_PREFIXES = ["x-forwarded-", "x-bifrost-"];

// oxlint-disable-next-line no-control-regex -- naming them is the point
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;
const PATH = /^\/[\x21-\x7e\x80-\xff]*$/;

const CODES = new Set<number>(Object.values(OPERATION));

/** Where an operation belongs: to the request phase, or to both. */
const REQUEST_ONLY = new Set<OperationCode>([
  OPERATION.setRequest,
  OPERATION.removeRequest,
  OPERATION.usePath,
  OPERATION.useTarget,
  OPERATION.contentType,
  OPERATION.deny,
  OPERATION.redirect,
]);

export function checkOperation(
  code: number,
  phase: "request" | "response" | null,
  name: string,
  value: string,
): OperationCode {
  if (!CODES.has(code)) throw new Error(`operation ${code} is not known`);
  const operation = code as OperationCode;
  if (phase === null) throw new HostRefusal("works only while a request is handled");
  if (phase === "response" && REQUEST_ONLY.has(operation)) {
    throw new HostRefusal("works only in on_request: in on_response the request is gone");
  }
  CHECKS[operation](name, value);
  return operation;
}

const CHECKS: Readonly<Record<OperationCode, (name: string, value: string) => void>> = {
  [OPERATION.setRequest]: checkLine,
  [OPERATION.removeRequest]: checkName,
  [OPERATION.setResponse]: checkLine,
  [OPERATION.removeResponse]: checkName,
  [OPERATION.addResponse]: checkLine,
  [OPERATION.usePath]: (path) => {
    if (path.length > MAX_VALUE || !PATH.test(path)) {
      throw new HostRefusal("set_path takes a path that begins with / and has no blanks");
    }
  },
  [OPERATION.useTarget]: (target) => {
    if (target === "" || target.length > 128) {
      throw new HostRefusal("use_target takes the name or deployment id of a target");
    }
  },
  [OPERATION.contentType]: (type) => checkValue("content-type", type),
  [OPERATION.deny]: (status, body) => {
    const code = statusOf(status);
    if (code === null || code < 200 || code > 599) {
      throw new HostRefusal(`deny takes a status from 200 to 599, not ${status}`);
    }
    if (body.length > MAX_BODY) throw new HostRefusal(`a body has at most ${MAX_BODY} bytes`);
  },
  [OPERATION.redirect]: (status, location) => {
    if (!REDIRECTS.includes(statusOf(status) ?? 0)) {
      throw new HostRefusal(`redirect takes the status ${REDIRECTS.join(", ")}, not ${status}`);
    }
    if (location === "") throw new HostRefusal("redirect takes a location");
    checkValue("location", location);
  },
};

/** Lua writes a float without a fraction as `429.0`. */
export function statusOf(text: string): number | null {
  return /^\d{3}(?:\.0)?$/.test(text) ? Number(text) : null;
}

function checkLine(name: string, value: string): void {
  checkName(name);
  checkValue(name, value);
}

function checkName(name: string): void {
  if (!isToken(name) || name.length > 256) {
    throw new HostRefusal(`${JSON.stringify(name)} is not the name of a header`);
  }
  const lower = name.toLowerCase();
  if (OWN_FIELDS.has(lower) || OWN_PREFIXES.some((prefix) => lower.startsWith(prefix))) {
    throw new HostRefusal(`the header ${lower} is the gateway's own and cannot be changed`);
  }
}

function checkValue(name: string, value: string): void {
  if (CONTROL.test(value)) {
    throw new HostRefusal(`the value of ${name} has control characters in it`);
  }
  if (value.length > MAX_VALUE) {
    throw new HostRefusal(`the value of ${name} has ${value.length} bytes: at most ${MAX_VALUE}`);
  }
}
