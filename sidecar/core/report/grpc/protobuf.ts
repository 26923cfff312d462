/** A sample as protobuf within gRPC's framing; the numbers of the fields are those of proto/telemetry.proto. */
import { Bytes } from "../../wire/bytes.ts";
import { Sample } from "../sample.ts";

/** Not compressed, then the length in four bytes. */
export const PREFIX: i32 = 5;
/** Ids and body at their longest, and all other fields with tags of two and numbers of eight bytes. */
export const MAX_MESSAGE: i32 = 832;

const VARINT: i32 = 0;
const LENGTH_DELIMITED: i32 = 2;

export function writeMessage(out: Bytes, sample: Sample): void {
  const start = out.length;
  for (let i: i32 = 0; i < PREFIX; i++) out.byte(0);
  text(out, 1, sample.deployment);
  text(out, 2, sample.pod);
  count(out, 3, sample.boot);
  count(out, 4, sample.seq);
  count(out, 5, sample.at);
  flag(out, 6, sample.isHealthy);
  count(out, 7, sample.result as f64);
  count(out, 8, sample.status as f64);
  count(out, 9, sample.latencyMs);
  count(out, 10, sample.passes);
  count(out, 11, sample.fails);
  count(out, 12, sample.restarts);
  count(out, 13, sample.intervalMs);
  count(out, 14, sample.procs);
  count(out, 15, sample.cpuTicks);
  count(out, 16, sample.cpuOverMs);
  count(out, 17, sample.rssPages);
  count(out, 18, sample.threads);
  count(out, 19, sample.fds);
  count(out, 20, sample.fdsDenied);
  count(out, 21, sample.dropped);
  flag(out, 22, sample.isProven);
  count(out, 23, sample.verdictMs);
  flag(out, 24, sample.isConnected);
  count(out, 25, sample.connectMs);
  text(out, 26, sample.body);
  const length = out.length - start - PREFIX;
  out.set(start + 3, length >> 8);
  out.set(start + 4, length);
}

/** What is 0, false or empty is left out, as proto3 has it. */
function count(out: Bytes, field: i32, value: f64): void {
  if (value < 1) return;
  tag(out, field, VARINT);
  varint(out, Math.floor(value));
}

function flag(out: Bytes, field: i32, value: bool): void {
  count(out, field, value ? 1 : 0);
}

function text(out: Bytes, field: i32, value: Bytes): void {
  if (value.length === 0) return;
  tag(out, field, LENGTH_DELIMITED);
  varint(out, value.length as f64);
  out.append(value);
}

function tag(out: Bytes, field: i32, kind: i32): void {
  varint(out, ((field << 3) | kind) as f64);
}

/** Seven bits a byte, the lowest first; up to 2^53, so no 64-bit integers are needed. */
function varint(out: Bytes, value: f64): void {
  let rest = value;
  while (rest >= 128) {
    const higher = Math.floor(rest / 128);
    out.byte(((rest - higher * 128) as i32) | 128);
    rest = higher;
  }
  out.byte(rest as i32);
}
