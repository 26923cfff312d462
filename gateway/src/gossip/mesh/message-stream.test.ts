import { randomBytes } from "node:crypto";
import { array, assert, constantFrom, nat, property, tuple, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { Keyring } from "../keyring.ts";
import { TransportCount } from "../transport-count.ts";
import { MESSAGE, MessageStream, type MessageKind } from "./message-stream.ts";
import { plainRecords, type RecordSeal } from "./record-seal.ts";
import { RecordSplitter } from "./record-splitter.ts";
import { greet, GREETING_BYTES, receive } from "./stream-greeting.ts";

const MAX_BODY = 200_000;

function reader(records: RecordSeal) {
  const got: { kind: MessageKind; id: number; body: string }[] = [];
  const splitter = new RecordSplitter();
  const stream = new MessageStream({
    sink: { writable: false, writableLength: 0, write: () => false },
    records,
    splitter,
    count: new TransportCount(),
    maxBodyBytes: MAX_BODY,
    onMessage: (kind, id, body) => void got.push({ kind, id, body: body.toString("hex") }),
  });
  return { got, splitter, stream };
}

function writer(records: RecordSeal) {
  const written: Buffer[] = [];
  const stream = new MessageStream({
    sink: { writable: true, writableLength: 0, write: (bytes) => written.push(bytes) },
    records,
    splitter: new RecordSplitter(),
    count: new TransportCount(),
    maxBodyBytes: MAX_BODY,
    onMessage() {},
  });
  return { written, stream };
}

/** Both ends of a sealed stream after its greeting. */
function sealedPair(): { readonly calling: RecordSeal; readonly answering: RecordSeal } {
  const key = { id: 1, key: randomBytes(32) };
  const greeting = greet({ label: "one", keyring: new Keyring([key]) });
  const { answer, greeted } = receive(greeting.bytes, {
    label: "one",
    keyring: new Keyring([key]),
  });
  const finished = greeting.finish(answer);
  if (typeof greeted === "string" || typeof finished === "string") throw new Error("not greeted");
  return { calling: finished.records, answering: greeted.records };
}

/** Cuts bytes into parts of the given sizes, the last of which repeats. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0, part = 0; at < bytes.length; part++) {
    const size = 1 + (sizes[Math.min(part, sizes.length - 1)] ?? bytes.length);
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts;
}

const messages = array(
  tuple(
    constantFrom(MESSAGE.request, MESSAGE.answer),
    nat(0xffff_ffff),
    constantFrom(0, 1, 5, 32_767, 32_768, 32_769, 100_000),
    nat(255),
  ),
  { minLength: 1, maxLength: 6 },
);

test.each([
  ["plain", () => ({ calling: plainRecords(), answering: plainRecords() })],
  ["sealed", sealedPair],
] as const)("%s messages arrive whole and in order, however their bytes are cut", (_, makePair) => {
  assert(
    property(messages, array(nat(40_000), { maxLength: 8 }), (sent, sizes) => {
      const { calling, answering } = makePair();
      const { written, stream } = writer(calling);
      const { got, splitter, stream: receiving } = reader(answering);
      const bodies = sent.map(([, , bytes, fill]) => Buffer.alloc(bytes, fill));
      // The first message of a stream is a small one.
      stream.send(MESSAGE.intro, 0, Buffer.from("127.0.0.1:1"));
      for (const [at, [kind, id]] of sent.entries())
        stream.send(kind, id, bodies[at] ?? Buffer.alloc(0));
      for (const part of cut(Buffer.concat(written), sizes)) {
        splitter.push(part);
        expect(receiving.read()).toBe(null);
      }
      const expected = sent.map(([kind, id], at) => ({
        kind,
        id,
        body: bodies[at]?.toString("hex"),
      }));
      expect(got.slice(1)).toEqual(expected);
    }),
    { numRuns: 25 },
  );
});

test("arbitrary bytes never throw, and no more is held than has come", () => {
  const chunk = uint8Array({ maxLength: 300 });
  assert(
    property(array(chunk, { maxLength: 30 }), constantFrom("plain", "sealed"), (chunks, mode) => {
      const { splitter, stream } = reader(
        mode === "plain" ? plainRecords() : sealedPair().answering,
      );
      let came = 0;
      for (const bytes of chunks) {
        splitter.push(Buffer.from(bytes));
        came += bytes.length;
        const problem = stream.read();
        expect(splitter.heldBytes).toBeLessThanOrEqual(came);
        if (problem !== null) break;
      }
    }),
    { numRuns: 500 },
  );
});

test("arbitrary greetings and answers never throw", () => {
  const keyring = new Keyring([{ id: 1, key: randomBytes(32) }]);
  const bytes = uint8Array({ minLength: GREETING_BYTES, maxLength: GREETING_BYTES });
  const versioned = property(constantFrom(0xb0, 0xb1, 7), bytes, (version, greeting) => {
    greeting[0] = version;
    for (const security of [
      { label: "x", keyring },
      { label: "x", keyring: null },
    ]) {
      expect(receive(Buffer.from(greeting), security).greeted).toBeTypeOf("string");
      const answered = greet(security).finish(Buffer.from(greeting.subarray(0, 18)));
      expect(["string", "object"]).toContain(typeof answered);
    }
  });
  assert(versioned);
});

test("a sealed record that is altered, repeated, left out or moved ends the stream", () => {
  const { calling, answering } = sealedPair();
  const records = ["first", "second"].map((text) => calling.seal(Buffer.from(text)));
  const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = records;
  const altered = Buffer.from(first);
  altered[0] = (altered[0] ?? 0) ^ 1;
  expect(answering.open(second)).toBe(null);
  expect(answering.open(altered)).toBe(null);
  expect(answering.open(first)?.toString()).toBe("first");
  expect(answering.open(first)).toBe(null);
  expect(answering.open(second)?.toString()).toBe("second");
});

test("what one stream carried does not open in the next, with the same key", () => {
  const keyring = new Keyring([{ id: 1, key: randomBytes(32) }]);
  const greeting = greet({ label: "one", keyring });
  const first = receive(greeting.bytes, { label: "one", keyring });
  const finished = greeting.finish(first.answer);
  // The greeting is replayed: the other end answers with other random bytes.
  const again = receive(greeting.bytes, { label: "one", keyring }).greeted;
  if (typeof finished === "string" || typeof again === "string") throw new Error("not greeted");
  expect(again.records.open(finished.records.seal(Buffer.from("pay")))).toBe(null);
});

test.each<[string, Buffer, string]>([
  ["a first record that is long", Buffer.of(0x10, 0x00), "too-large"],
  ["a record without a header", Buffer.of(0, 3, 1, 0, 0), "broken-stream"],
  ["a kind that does not exist", Buffer.of(0, 5, 99, 0, 0, 0, 1), "broken-stream"],
  ["parts that add nothing", Buffer.of(0, 5, 0x83, 0, 0, 0, 1), "broken-stream"],
  [
    "a long packet",
    Buffer.concat([Buffer.of(0, 5, 7, 0, 0, 0, 1, 8, 10, 6, 0, 0, 0, 1), Buffer.alloc(2053)]),
    "too-large",
  ],
  [
    "a message inside another one",
    Buffer.of(0, 6, 0x83, 0, 0, 0, 1, 65, 0, 5, 4, 0, 0, 0, 1),
    "broken-stream",
  ],
])("%s is refused", (_, bytes, reason) => {
  const { splitter, stream } = reader(plainRecords());
  splitter.push(bytes);
  expect(stream.read()).toBe(reason);
});

test.each([
  ["parts", 2043, MAX_BODY],
  ["parts of one byte", 1, MAX_BODY / 100],
])("a message that goes on for ever in %s is refused at its limit", (_, bytes, limit) => {
  const { splitter, stream } = reader(plainRecords());
  const length = Buffer.alloc(2);
  length.writeUInt16BE(5 + bytes);
  const part = Buffer.concat([length, Buffer.of(0x83, 0, 0, 0, 1), Buffer.alloc(bytes)]);
  let problem: string | null = null;
  let sent = 0;
  while (problem === null) {
    splitter.push(part);
    sent += part.length;
    problem = stream.read();
  }
  expect(problem).toBe("too-large");
  expect(sent).toBeLessThan(limit + 2 * part.length);
});
