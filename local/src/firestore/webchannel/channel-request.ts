/** The four requests of a channel, told apart by their query parameters. */
import { invalid } from "../rpc-error.ts";

export type ChannelRequest =
  | { readonly kind: "open" }
  | { readonly kind: "send"; readonly sid: string; readonly acknowledged: number | undefined }
  | {
      readonly kind: "receive";
      readonly sid: string;
      readonly acknowledged: number;
      /** One delivery for each request, for networks that hold answers back until they are whole. */
      readonly isLongPoll: boolean;
      /** How long the page wants to wait for a delivery at most. */
      readonly maxWaitMs: number | undefined;
    }
  | { readonly kind: "terminate"; readonly sid: string };

const VERSION = "8";

/** Throws INVALID_ARGUMENT. */
export function parseChannelRequest(method: string, url: string): ChannelRequest {
  const question = url.indexOf("?");
  const parameters = new URLSearchParams(question === -1 ? "" : url.slice(question + 1));
  const sid = parameters.get("SID");
  if (parameters.get("VER") !== VERSION) {
    throw invalid(`WebChannel version ${VERSION} is spoken here: 'VER' must be ${VERSION}.`);
  }
  // A page that is going away sends this with a beacon or, where there is none, by loading an image.
  if (parameters.get("TYPE") === "terminate" && sid !== null) return { kind: "terminate", sid };
  if (method === "GET" && parameters.get("RID") === "rpc" && sid !== null) {
    return {
      kind: "receive",
      sid,
      acknowledged: countAt(parameters, "AID") ?? 0,
      isLongPoll: parameters.get("CI") === "1",
      maxWaitMs: countAt(parameters, "TO"),
    };
  }
  if (method !== "POST") {
    throw invalid(`${method} is neither a back channel (GET with RID=rpc and SID) nor a POST.`);
  }
  if (sid === null) return { kind: "open" };
  return { kind: "send", sid, acknowledged: countAt(parameters, "AID") };
}

function countAt(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw invalid(`'${name}' must be a count, not '${text.slice(0, 40)}'.`);
  return Number(text);
}
