import { gzipSync } from "node:zlib";
import { connect as connectHttp2, constants } from "node:http2";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunningFirestore } from "../index.ts";
import { startTestFirestore } from "../testing/firestore-fixture.ts";
import { nameOf } from "../testing/transports.ts";
import { servesOthersDuring } from "../testing/well-behaved.ts";

const MIB = 1024 * 1024;
let server: RunningFirestore;
beforeAll(async () => {
  server = await startTestFirestore();
});
afterAll(() => server.stop());

/** A field of that number that holds the bytes; varint lengths as protobuf has them. */
function field(number: number, length: number): Buffer {
  const bytes = [(number << 3) | 2];
  let rest = length;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

/** Commit.writes(2).update(1).fields(2).value(2), then Value.array_value(9).values(1) again and again. */
function nested(levels: number): Buffer {
  const numbers = [2, 1, 2, 2, ...Array.from({ length: levels }, () => [9, 1]).flat()];
  const parts: Buffer[] = [];
  let length = 0;
  for (const number of numbers.toReversed()) {
    const head = field(number, length);
    parts.push(head);
    length += head.length;
  }
  return Buffer.concat(parts.toReversed());
}

describe("a message over gRPC", () => {
  const path = "/google.firestore.v1.Firestore/Commit";

  /** Sends bytes as they are; answers the status. */
  async function call(message: Buffer, encoding?: string): Promise<string> {
    const session = connectHttp2(`http://127.0.0.1:${server.port}`);
    session.on("error", () => undefined);
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      authorization: "Bearer owner",
      ...(encoding === undefined ? {} : { "grpc-encoding": encoding }),
    });
    stream.on("error", () => undefined);
    const head = Buffer.alloc(5);
    head.writeUInt8(encoding === undefined ? 0 : 1);
    head.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([head, message]));
    const answered = await new Promise<string>((resolve) => {
      const look = ({ "grpc-status": code }: Readonly<Record<string, unknown>>): void => {
        if (typeof code === "string") resolve(code);
      };
      stream.on("response", look);
      stream.on("trailers", look);
      // A client that is still sending is told so by the reset; Google's clients read it as the same status.
      stream.on("close", () => {
        if (stream.rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM)
          resolve(String(status.RESOURCE_EXHAUSTED));
      });
      stream.resume();
    });
    session.destroy();
    return nameOf({ code: Number(answered) });
  }

  test("may have 10 MiB, packed or not", async () => {
    expect(await call(Buffer.alloc(10 * MIB + 1))).toBe("RESOURCE_EXHAUSTED");
    expect(await call(gzipSync(Buffer.alloc(200 * MIB)), "gzip")).toBe("RESOURCE_EXHAUSTED");
  });

  test.each([25, 1_000, 100_000])("nested %i deep is refused", async (levels) => {
    expect(["INVALID_ARGUMENT", "INTERNAL"]).toContain(await call(nested(levels)));
    await servesOthersDuring(server, Promise.resolve(), 1);
  });
});
