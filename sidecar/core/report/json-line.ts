/** A sample as one line of JSON. */
import { Bytes } from "../wire/bytes.ts";
import { Sample } from "./sample.ts";

const QUOTE: i32 = 34;
const BACKSLASH: i32 = 92;

/** The longest line: all numbers of 16 digits, ids and body at their longest, every character of the body escaped. */
export const MAX_LINE: i32 = 1536;

export function writeLine(out: Bytes, sample: Sample): void {
  out.text('{"deployment":');
  quoted(out, sample.deployment);
  out.text(',"pod":');
  quoted(out, sample.pod);
  count(out, ',"boot":', sample.boot);
  count(out, ',"seq":', sample.seq);
  count(out, ',"at":', sample.at);
  flag(out, ',"healthy":', sample.isHealthy);
  flag(out, ',"proven":', sample.isProven);
  count(out, ',"verdictMs":', sample.verdictMs);
  count(out, ',"result":', sample.result as f64);
  count(out, ',"status":', sample.status as f64);
  flag(out, ',"connected":', sample.isConnected);
  count(out, ',"connectMs":', sample.connectMs);
  count(out, ',"latencyMs":', sample.latencyMs);
  out.text(',"body":');
  quoted(out, sample.body);
  count(out, ',"passes":', sample.passes);
  count(out, ',"fails":', sample.fails);
  count(out, ',"restarts":', sample.restarts);
  count(out, ',"intervalMs":', sample.intervalMs);
  count(out, ',"procs":', sample.procs);
  count(out, ',"cpuTicks":', sample.cpuTicks);
  count(out, ',"cpuOverMs":', sample.cpuOverMs);
  count(out, ',"rssPages":', sample.rssPages);
  count(out, ',"threads":', sample.threads);
  count(out, ',"fds":', sample.fds);
  count(out, ',"fdsDenied":', sample.fdsDenied);
  count(out, ',"dropped":', sample.dropped);
  out.text("}\n");
}

function count(out: Bytes, name: string, value: f64): void {
  out.text(name).number(value);
}

function flag(out: Bytes, name: string, value: bool): void {
  out.text(name).text(value ? "true" : "false");
}

/** `value` is printable ASCII. */
function quoted(out: Bytes, value: Bytes): void {
  out.byte(QUOTE);
  for (let i: i32 = 0; i < value.length; i++) {
    const character = value.at(i);
    if (character === QUOTE || character === BACKSLASH) out.byte(BACKSLASH);
    out.byte(character);
  }
  out.byte(QUOTE);
}
