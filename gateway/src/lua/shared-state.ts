/** What a script keeps between requests with `state`: bounded, and kept when a new version of the script takes over. */
import { HostRefusal, type LuaScalar } from "./lua-stack.ts";

const MAX_KEYS = 1024;
const MAX_KEY = 256;
const MAX_BYTES = 256 * 1024;

export class SharedState {
  private readonly values = new Map<string, string | number | boolean>();
  private bytes = 0;

  get(key: string): LuaScalar {
    return this.values.get(key) ?? null;
  }

  /** null forgets the key. */
  set(key: string, value: LuaScalar): void {
    const former = this.values.get(key);
    const isNew = former === undefined;
    if (value === null) {
      if (isNew) return;
      this.values.delete(key);
      this.bytes -= key.length + sizeOf(former);
      return;
    }
    if (key.length > MAX_KEY) throw new HostRefusal(`a key of state has at most ${MAX_KEY} bytes`);
    const more = sizeOf(value) + (isNew ? key.length : -sizeOf(former));
    if (isNew && this.values.size >= MAX_KEYS) {
      throw new HostRefusal(
        `state has at most ${MAX_KEYS} keys: forget some with state.set(key, nil)`,
      );
    }
    if (this.bytes + more > MAX_BYTES) {
      throw new HostRefusal(
        `state has at most ${MAX_BYTES} bytes: forget some with state.set(key, nil)`,
      );
    }
    this.values.set(key, value);
    this.bytes += more;
  }

  increment(key: string, by: number): number {
    const former = this.get(key) ?? 0;
    if (typeof former !== "number") {
      throw new HostRefusal(`state.incr: ${JSON.stringify(key)} is a ${typeof former}`);
    }
    this.set(key, former + by);
    return former + by;
  }
}

function sizeOf(value: string | number | boolean): number {
  return typeof value === "string" ? value.length : 8;
}
