/** Stands for the functions of ../core/host.ts where the core runs as plain TypeScript. */
import type { Bytes } from "../core/wire/bytes.ts";
import type { FakeHost } from "./fake-host.ts";

let current: FakeHost | null = null;

function fake(): FakeHost {
  if (current === null) throw new Error("no core runs");
  return current;
}

const read = (bytes: Bytes, from = 0, to = bytes.length): Buffer =>
  Buffer.from(bytes.buffer.subarray(from, to));

const text = (bytes: Bytes): string => read(bytes).toString("latin1");

function write(out: Bytes, value: Buffer | string | undefined): number {
  const bytes = typeof value === "string" ? Buffer.from(value, "latin1") : value;
  out.length = bytes === undefined ? 0 : bytes.copy(out.buffer);
  return bytes === undefined ? -1 : bytes.length;
}

export const env = (name: Bytes, out: Bytes): number => write(out, fake().environment[text(name)]);

export const readFile = (path: Bytes, out: Bytes): boolean =>
  write(out, fake().readFile(text(path))) >= 0;

export function list(path: Bytes, after: number, out: Int32Array): number {
  const found = fake().list(text(path), after, out.length);
  out.set(found ?? []);
  return found?.length ?? -1;
}

export const descriptors = (path: Bytes): number => fake().descriptors.get(text(path)) ?? -1;
export const owner = (path: Bytes): number => fake().owner(text(path));
export const pid = (): number => fake().pid;
export const uid = (): number => fake().uid;
export const log = (line: Bytes): void => void fake().logs.push(text(line));
export const wall = (): number => fake().wall();
export const random = (): number => fake().random;
export const canOpen = (address: Bytes): boolean => fake().canOpen(text(address));
export const hasTls = (): boolean => fake().hasTls;

export const open = (address: Bytes, port: number, mode: number): number =>
  fake().open(text(address), port, mode);

export const listen = (port: number): number => fake().listen(port);
export const accept = (handle: number): number => fake().accept(handle);
export const state = (handle: number): number => fake().state(handle);

export const send = (handle: number, bytes: Bytes, from: number, to: number): number =>
  fake().send(handle, read(bytes, from, to));

export function receive(handle: number, out: Bytes, most: number): number {
  const got = fake().receive(handle, most);
  if (typeof got !== "number") return write(out, got);
  out.length = 0;
  return got;
}

export const want = (handle: number, events: number): void => fake().want(handle, events);
export const close = (handle: number): void => fake().close(handle);

/** What `act` does, it does on `host`. */
export function onHost<T>(host: FakeHost, act: () => T): T {
  current = host;
  return act();
}
