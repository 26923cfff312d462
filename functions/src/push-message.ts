/** Pub/Sub push: the wrapped message, authenticated and unwrapped. Any 2xx acknowledges, anything else redelivers. */
import * as v from "valibot";
import { requireCaller, type CallerCheck } from "./caller.ts";
import { parseJson, readJson } from "./read-body.ts";
import { json, type Service } from "./service.ts";

const envelopeSchema = v.object({
  message: v.object({
    data: v.optional(v.string(), ""),
    attributes: v.optional(v.record(v.string(), v.string()), {}),
    messageId: v.string(),
  }),
  subscription: v.string(),
});

export interface PushMessage {
  readonly id: string;
  readonly text: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Pub/Sub's own limit is 10 MB; our messages are ids and log lines. */
const MAX_PUSH_BYTES = 1024 * 1024;

export async function readPush(request: Request): Promise<PushMessage> {
  const { message } = await readJson(request, envelopeSchema, MAX_PUSH_BYTES);
  return {
    id: message.messageId,
    text: Buffer.from(message.data, "base64").toString("utf8"),
    attributes: message.attributes,
  };
}

export function pushService<Schema extends v.GenericSchema>(
  schema: Schema,
  handler: (
    body: v.InferOutput<Schema>,
    message: PushMessage,
  ) => Promise<Readonly<Record<string, unknown>>>,
  callers: CallerCheck,
): Service {
  return async (request) => {
    await requireCaller(request, callers);
    const message = await readPush(request);
    return json(await handler(parseJson(message.text, schema), message));
  };
}
