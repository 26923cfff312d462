/** The form body of a channel's POST: numbered messages and, in the first one, the headers of the whole channel. */
import { parseJson } from "../rest/rest-body.ts";
import { invalid, RpcError } from "../rpc-error.ts";
import { isObject, type Json } from "../wire-json.ts";

export interface ChannelMessage {
  /** Position in everything the page ever sent on this channel. */
  readonly offset: number;
  readonly request: Json;
}

export interface ChannelForm {
  /** In the order of their offsets. */
  readonly messages: readonly ChannelMessage[];
  /** Values of the Authorization header; browsers cannot set it without a preflight, so it travels in the body. */
  readonly authorization: readonly string[];
}

/** The client sends no more at once. */
const MAX_MESSAGES = 1000;
const MESSAGE = /^req(\d{1,9})___data__$/;

/** Throws INVALID_ARGUMENT. */
export function parseChannelForm(body: string): ChannelForm {
  const form = new URLSearchParams(body);
  const count = countAt(form, "count");
  const start = form.has("ofs") ? countAt(form, "ofs") : 0;
  const messages = [...form].flatMap(([name, text]) => {
    const index = MESSAGE.exec(name)?.[1];
    return index === undefined ? [] : [{ offset: start + Number(index), request: parse(text) }];
  });
  if (count > MAX_MESSAGES || messages.length !== count) {
    throw invalid(
      `'count' says ${count}, the body holds ${messages.length} messages; at most ${MAX_MESSAGES} may come at once.`,
    );
  }
  return {
    messages: messages.toSorted((a, b) => a.offset - b.offset),
    authorization: authorizationIn(form.get("headers") ?? ""),
  };
}

function countAt(form: URLSearchParams, name: string): number {
  const text = form.get(name) ?? "";
  if (!/^\d{1,15}$/.test(text)) {
    throw invalid(`A form with '${name}' as a count is expected, not '${text.slice(0, 40)}'.`);
  }
  return Number(text);
}

function parse(text: string): Json {
  try {
    const request = parseJson(Buffer.from(text));
    if (isObject(request)) return request;
  } catch (error) {
    if (error instanceof RpcError) throw error;
    // Otherwise it is no JSON, as told below.
  }
  throw invalid(`A message must be a JSON object, not '${text.slice(0, 40)}'.`);
}

function authorizationIn(headers: string): string[] {
  return headers.split("\r\n").flatMap((line) => {
    const colon = line.indexOf(":");
    return line.slice(0, colon).toLowerCase() === "authorization"
      ? [line.slice(colon + 1).trim()]
      : [];
  });
}
