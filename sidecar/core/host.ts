/**
 * What the core needs of the world. Nothing here waits. Each `declare function` is an import of the wasm module; as plain
 * TypeScript, in the tests, this whole file is replaced by ../testing/host-double.ts.
 */
import { Bytes } from "./wire/bytes.ts";

declare function hostEnv(name: usize, nameLength: i32, out: usize, capacity: i32): i32;
declare function hostRead(path: usize, pathLength: i32, out: usize, capacity: i32): i32;
declare function hostList(path: usize, pathLength: i32, after: i32, out: usize, capacity: i32): i32;
declare function hostDescriptors(path: usize, pathLength: i32): i32;
declare function hostOwner(path: usize, pathLength: i32): i32;
declare function hostPid(): i32;
declare function hostUid(): i32;
declare function hostLog(text: usize, length: i32): void;
declare function hostWall(): f64;
declare function hostRandom(): f64;
declare function hostCanOpen(address: usize, length: i32): i32;
declare function hostHasTls(): i32;
declare function hostOpen(address: usize, length: i32, port: i32, mode: i32): i32;
declare function hostListen(port: i32): i32;
declare function hostAccept(handle: i32): i32;
declare function hostState(handle: i32): i32;
declare function hostSend(handle: i32, from: usize, length: i32): i32;
declare function hostReceive(handle: i32, out: usize, capacity: i32): i32;
declare function hostWant(handle: i32, events: i32): void;
declare function hostClose(handle: i32): void;

/** States of a connection; less than REFUSED: reset, unreachable or without TLS, which `send` and `receive` tell too. */
export const OPEN: i32 = 1;
export const REFUSED: i32 = -1;

/** Answers of `receive` that are no count of bytes. */
export const ENDED: i32 = 0;
export const NOTHING_NOW: i32 = -1;

/** What may wake the core for a handle. */
export const READABLE: i32 = 1;
export const WRITABLE: i32 = 2;

/** How a connection is opened. */
export const PLAIN: i32 = 0;
export const TLS_HTTP1: i32 = 1;
export const TLS_HTTP2: i32 = 2;

/** The variable's full length, of which `out` holds what fits; -1 = not set. */
export function env(name: Bytes, out: Bytes): i32 {
  const length = hostEnv(
    name.buffer.dataStart,
    name.length,
    out.buffer.dataStart,
    out.buffer.length,
  );
  out.length = length < 0 ? 0 : length < out.buffer.length ? length : out.buffer.length;
  return length;
}

/** Reads a file from its start, as far as it fits; false = cannot be read. */
export function readFile(path: Bytes, out: Bytes): bool {
  const length = hostRead(
    path.buffer.dataStart,
    path.length,
    out.buffer.dataStart,
    out.buffer.length,
  );
  out.length = length < 0 ? 0 : length;
  return length >= 0;
}

/** Numeric entries of a directory above `after`, ascending, as many as fit; their count, -1 = cannot be read. */
export function list(path: Bytes, after: i32, out: Int32Array): i32 {
  return hostList(path.buffer.dataStart, path.length, after, out.dataStart, out.length);
}

/** Entries of `/proc/<pid>/fd`; -1 = not allowed. */
export function descriptors(path: Bytes): i32 {
  return hostDescriptors(path.buffer.dataStart, path.length);
}

/** The user a path belongs to; -1 = gone. */
export function owner(path: Bytes): i32 {
  return hostOwner(path.buffer.dataStart, path.length);
}

export function pid(): i32 {
  return hostPid();
}

export function uid(): i32 {
  return hostUid();
}

export function log(line: Bytes): void {
  hostLog(line.buffer.dataStart, line.length);
}

/** Milliseconds since the epoch. */
export function wall(): f64 {
  return hostWall();
}

/** From 0 up to but not including 1. */
export function random(): f64 {
  return hostRandom();
}

export function canOpen(address: Bytes): bool {
  return hostCanOpen(address.buffer.dataStart, address.length) !== 0;
}

export function hasTls(): bool {
  return hostHasTls() !== 0;
}

/** Starts connecting; -1 = not possible. */
export function open(address: Bytes, port: i32, mode: i32): i32 {
  return hostOpen(address.buffer.dataStart, address.length, port, mode);
}

/** -1 = not possible. */
export function listen(port: i32): i32 {
  return hostListen(port);
}

/** -1 = nobody is waiting; less: nobody can be taken now, though somebody may wait. */
export function accept(handle: i32): i32 {
  return hostAccept(handle);
}

export function state(handle: i32): i32 {
  return hostState(handle);
}

/** Hands over `from` to `to` of the bytes; how many were taken, less than 0 = broken. */
export function send(handle: i32, bytes: Bytes, from: i32, to: i32): i32 {
  return hostSend(handle, bytes.buffer.dataStart + from, to - from);
}

/** Replaces `out` by at most `most` bytes that arrived; their count, ENDED, NOTHING_NOW, or less: broken. */
export function receive(handle: i32, out: Bytes, most: i32): i32 {
  const length = hostReceive(handle, out.buffer.dataStart, most);
  out.length = length < 0 ? 0 : length;
  return length;
}

export function want(handle: i32, events: i32): void {
  hostWant(handle, events);
}

export function close(handle: i32): void {
  hostClose(handle);
}
