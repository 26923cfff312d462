// asc makes a data segment of each string, and wasm2c some lines of C of each segment: as one segment the same memory makes
// the native binary 12 kB smaller.

const HEADER_BYTES = 8;
const DATA = 11;
const DATA_COUNT = 12;
/** `i32.const <offset>; end`, the only kind of offset asc writes. */
const I32_CONST = 0x41;
const END = 0x0b;

/**
 * The same module with one data segment.
 * @param {Uint8Array} wasm
 * @returns {Uint8Array}
 */
export function mergeDataSegments(wasm) {
  const parts = [wasm.subarray(0, HEADER_BYTES)];
  for (const { id, body } of sections(wasm)) {
    if (id === DATA) parts.push(section(DATA, mergedData(body)));
    else if (id === DATA_COUNT) parts.push(section(DATA_COUNT, [1]));
    else parts.push(section(id, body));
  }
  return new Uint8Array(Buffer.concat(parts));
}

function* sections(wasm) {
  for (let at = HEADER_BYTES; at < wasm.length;) {
    const id = wasm[at];
    const size = readNumber(wasm, at + 1);
    yield { id, body: wasm.subarray(size.next, size.next + size.value) };
    at = size.next + size.value;
  }
}

function section(id, body) {
  return Buffer.concat([Buffer.from([id]), number(body.length), Buffer.from(body)]);
}

function mergedData(body) {
  const segments = [...readSegments(body)];
  const from = Math.min(...segments.map(({ offset }) => offset));
  const to = Math.max(...segments.map(({ offset, bytes }) => offset + bytes.length));
  const memory = Buffer.alloc(to - from);
  for (const { offset, bytes } of segments) memory.set(bytes, offset - from);
  const head = Buffer.concat([
    Buffer.from([1, 0, I32_CONST]),
    signedNumber(from),
    Buffer.from([END]),
  ]);
  return Buffer.concat([head, number(memory.length), memory]);
}

function* readSegments(body) {
  const count = readNumber(body, 0);
  let at = count.next;
  for (let i = 0; i < count.value; i++) {
    if (body[at] !== 0 || body[at + 1] !== I32_CONST) {
      throw new Error(`data segment ${i} has no constant offset in memory 0`);
    }
    const offset = readNumber(body, at + 2);
    const size = readNumber(body, offset.next + 1);
    yield { offset: offset.value, bytes: body.subarray(size.next, size.next + size.value) };
    at = size.next + size.value;
  }
}

/** LEB128; for a signed number that is not negative the same. */
function readNumber(bytes, from) {
  let value = 0;
  let at = from;
  for (let unit = 1; ; unit *= 128) {
    value += (bytes[at] & 127) * unit;
    if (bytes[at++] < 128) return { value, next: at };
  }
}

function number(value) {
  const bytes = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

/** The highest bit of a signed number's last byte but one is its sign: one more byte keeps it clear. */
function signedNumber(value) {
  const bytes = number(value);
  const last = bytes.at(-1);
  return last < 64 ? bytes : Buffer.concat([bytes.subarray(0, -1), Buffer.from([last | 128, 0])]);
}
