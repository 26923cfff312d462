/** Bodies from outside: capped before they are parsed, checked before they are used. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import * as v from "valibot";

/** Reads no further than the cap, whatever the sender announces. */
export async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  for (let bytes = 0; ;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.length;
    if (bytes > maxBytes) {
      // Not awaited: of a cloned body this would wait for the other copy's reader.
      reader.cancel().catch(() => {});
      throw new BifrostError("body-too-large", `at most ${maxBytes} bytes are accepted`, {
        maxBytes,
      });
    }
    chunks.push(value);
  }
  return Buffer.concat(chunks);
}

export async function readJson<Schema extends v.GenericSchema>(
  request: Request,
  schema: Schema,
  maxBytes = 64 * 1024,
): Promise<v.InferOutput<Schema>> {
  const bytes = await readBytes(request, maxBytes);
  return parseJson(new TextDecoder().decode(bytes), schema);
}

export function parseJson<Schema extends v.GenericSchema>(
  text: string,
  schema: Schema,
): v.InferOutput<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text === "" ? "{}" : text);
  } catch {
    throw new BifrostError("bad-request", "the body is not JSON");
  }
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const issues = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? "body"}: ${issue.message}`);
  throw new BifrostError("bad-request", issues.join("; "), { issues });
}
