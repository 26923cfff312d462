/** A collector that speaks gRPC on a fake connection, and helpers to misspeak it. */
import { readFileSync } from "node:fs";
import type { FakeConnection, FakeServer } from "./fake-connection.ts";
import type { Line } from "./scene.ts";

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

export const setting = (name: number, value: number): Buffer =>
  Buffer.concat([Buffer.from([0, name]), word(value)]);

export const settings = (...entries: Buffer[]): Buffer =>
  frame(FRAME.settings, 0, 0, Buffer.concat(entries));

export const headers = (block: Buffer, flags = END_HEADERS): Buffer =>
  frame(FRAME.headers, flags, 1, block);

export const trailers = (block: Buffer): Buffer => headers(block, END_HEADERS | END_STREAM);

/** A header field as an HPACK literal without tables. */
export const literal = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([0]), plain(name), plain(value)]);

export const plain = (text: string): Buffer =>
  Buffer.concat([Buffer.from([text.length]), Buffer.from(text, "latin1")]);

/** `:status: 200` of the static table. */
export const OK = Buffer.from([0x88]);

export function ackMessage(seq: number): Buffer {
  const message = Buffer.concat([Buffer.from([8]), varint(seq)]);
  return Buffer.concat([Buffer.from([0]), word(message.length), message]);
}

export const ack = (seq: number): Buffer => frame(FRAME.data, 0, 1, ackMessage(seq));

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** What a connection received so far, whole frames only. */
export const framesOf = (connection: FakeConnection): ReceivedFrame[] =>
  wholeFrames(connection.received).frames;

/** The samples of a connection, out of the messages in its DATA. */
export const samplesOf = (connection: FakeConnection): Line[] =>
  wholeMessages(dataOf(framesOf(connection))).samples;

const dataOf = (frames: readonly ReceivedFrame[]): Buffer =>
  Buffer.concat(frames.filter(({ type }) => type === FRAME.data).map(({ payload }) => payload));

/** `rest` is the begin of a frame that is not complete. */
function wholeFrames(received: Buffer): { frames: ReceivedFrame[]; rest: Buffer } {
  const frames: ReceivedFrame[] = [];
  let rest = received.subarray(received.indexOf(PREFACE) === 0 ? PREFACE.length : 0);
  while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
    const end = 9 + rest.readUIntBE(0, 3);
    frames.push({
      type: rest.readUInt8(3),
      flags: rest.readUInt8(4),
      stream: rest.readUInt32BE(5),
      payload: rest.subarray(9, end),
    });
    rest = rest.subarray(end);
  }
  return { frames, rest };
}

function wholeMessages(data: Buffer): { samples: Line[]; rest: Buffer } {
  const samples: Line[] = [];
  let rest = data;
  while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
    const end = 5 + rest.readUInt32BE(1);
    samples.push(decode(rest.subarray(5, end)));
    rest = rest.subarray(end);
  }
  return { samples, rest };
}

/** Names and types of Sample's fields by number, out of the proto file. */
const FIELDS = new Map(
  [
    ...readFileSync(new URL("../../proto/telemetry.proto", import.meta.url), "utf8")
      .replace(/^[^]*message Sample/, "")
      .matchAll(/^ {2}(\w+) (\w+) = (\d+);/gm),
  ].map(([, type = "", name = "", number]) => [
    Number(number),
    { type, name: name.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase()) },
  ]),
);

const DEFAULTS: Readonly<Record<string, Line[string]>> = { string: "", bool: false };

function decode(message: Buffer): Line {
  const sample: Line = {};
  for (const { type, name } of FIELDS.values()) sample[name] = DEFAULTS[type] ?? 0;
  let at = 0;
  const number = (): number => {
    for (let value = 0, unit = 1; ; unit *= 128) {
      const byte = message.readUInt8(at++);
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = number();
    const field = FIELDS.get(Math.floor(key / 8));
    if (field === undefined) throw new Error(`no field ${Math.floor(key / 8)}`);
    const isText = field.type === "string";
    if (key % 8 !== (isText ? 2 : 0)) throw new Error(`${field.name} has another type`);
    const value = number();
    if (field.type === "bool") sample[field.name] = value === 1;
    else if (!isText) sample[field.name] = value;
    else sample[field.name] = message.subarray(at, (at += value)).toString("latin1");
  }
  return sample;
}

/** Header fields of the request; literals only, as the core writes them. */
export function requestOf(connection: FakeConnection): Record<string, string> {
  const block = framesOf(connection).find(({ type }) => type === FRAME.headers)?.payload;
  if (block === undefined) return {};
  const names = { 1: ":authority", 4: ":path", 23: "authorization", 31: "content-type" };
  const fields: Record<string, string> = {};
  let at = 0;
  const integer = (most: number): number => {
    let value = block.readUInt8(at++) & most;
    if (value < most) return value;
    for (let unit = 1; ; unit *= 128) {
      const byte = block.readUInt8(at++);
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  };
  const text = (): string => {
    const length = integer(127);
    return block.subarray(at, (at += length)).toString("latin1");
  };
  while (at < block.length) {
    const first = block.readUInt8(at);
    if (first >= 128) {
      at++;
      fields[first === 0x83 ? ":method" : ":scheme"] =
        first === 0x83 ? "POST" : first === 0x86 ? "http" : "https";
    } else {
      const index = integer(15);
      const name = index === 0 ? text() : (names[index as 1] ?? `?${index}`);
      fields[name] = text();
    }
  }
  return fields;
}

/** Answers a call as a collector does: takes samples over and acknowledges them. */
export function grpcCollector(lines: Line[], first: Buffer = settings()): FakeServer {
  const acknowledged = new WeakMap<FakeConnection, number>();
  return {
    onOpen: (connection) => begin(connection, first),
    onData(connection) {
      const samples = samplesOf(connection);
      take(connection, samples.slice(acknowledged.get(connection)), lines);
      acknowledged.set(connection, samples.length);
    },
  };
}

/** The same for calls that last: it allows further bytes for those it got, and forgets them. */
export function lastingCollector(lines: Line[]): FakeServer {
  const partial = new WeakMap<FakeConnection, Buffer>();
  return {
    onOpen: (connection) => begin(connection, settings()),
    onData(connection, received) {
      const { frames, rest } = wholeFrames(received);
      connection.received = Buffer.from(rest);
      const data = dataOf(frames);
      const messages = wholeMessages(
        Buffer.concat([partial.get(connection) ?? Buffer.alloc(0), data]),
      );
      partial.set(connection, Buffer.from(messages.rest));
      take(connection, messages.samples, lines);
      if (data.length === 0) return;
      for (const stream of [0, 1]) {
        connection.reply(frame(FRAME.windowUpdate, 0, stream, word(data.length)));
      }
    },
  };
}

function begin(connection: FakeConnection, first: Buffer): void {
  connection.accept();
  connection.reply(first);
  connection.reply(frame(FRAME.settings, ACK, 0, Buffer.alloc(0)));
  connection.reply(headers(OK));
}

function take(connection: FakeConnection, samples: readonly Line[], lines: Line[]): void {
  lines.push(...samples);
  for (const { seq } of samples) connection.reply(ack(Number(seq)));
}
