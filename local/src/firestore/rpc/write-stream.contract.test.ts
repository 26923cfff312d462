import {
  credentials,
  makeClientConstructor,
  Metadata,
  type ClientDuplexStream,
} from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadFirestoreMethods } from "../grpc/firestore-proto.ts";
import type { RunningFirestore } from "../index.ts";
import { ROOT, startTestFirestore, until } from "../testing/firestore-fixture.ts";
import type { Json } from "../wire-json.ts";

let server: RunningFirestore;
beforeAll(async () => {
  server = await startTestFirestore();
});
afterAll(() => server.stop());

const CREATE = {
  update: { name: `${ROOT}/items/a`, fields: { n: { integerValue: "1" } } },
  currentDocument: { exists: false },
};

test("a write stream shakes hands, then answers each commit in order and ends with the first error", async () => {
  const Client = makeClientConstructor(Object.fromEntries(loadFirestoreMethods()), "Firestore");
  const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  const call = (
    client as unknown as { Write(m: Metadata): ClientDuplexStream<object, Json> }
  ).Write(new Metadata());
  const responses: Json[] = [];
  const errors: unknown[] = [];
  call.on("data", (response: Json) => responses.push(response));
  call.on("error", (error: unknown) => errors.push(error));
  call.write({ database: ROOT.slice(0, -"/documents".length) });
  call.write({ writes: [CREATE] });
  await until(() => responses.length === 2, "the handshake and the first commit");
  expect(responses[0]).toMatchObject({
    streamId: expect.any(String),
    streamToken: expect.any(String),
  });
  expect(responses[1]).toMatchObject({
    writeResults: [{ updateTime: responses[1]?.["commitTime"] }],
  });
  call.write({ writes: [CREATE] });
  await until(() => errors.length === 1, "the refusal");
  expect(errors[0]).toMatchObject({ code: 6 });
  client.close();
});
