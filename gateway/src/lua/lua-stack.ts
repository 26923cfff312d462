/**
 * Values on the Lua stack. Only numbers, booleans and byte strings cross the boundary: a JS object in a script's hands is a way
 * out of the sandbox. JS strings are latin1, one character a byte, wherever nothing else is said.
 */
import type { LuaExports, LuaInstance } from "./lua-instance.ts";

export const TYPE = { nil: 0, boolean: 1, number: 3, string: 4, table: 5 } as const;

/** LUA_REGISTRYINDEX, from LUAI_MAXSTACK of a million, and where the globals are in it. */
const REGISTRY = -1_001_000;
const GLOBALS = 2n;

export const SCRATCH_BYTES = 4096;
/** Within the first bytes of the scratch memory: where lua_tolstring leaves a length. */
const LENGTH_AT = 0;
const TEXT_AT = 8;

export type LuaScalar = string | number | boolean | null;

/** Thrown by a host function to raise a Lua error in the script, at the line that called it. */
export class HostRefusal extends Error {}

/** Enough that the keys of a few hundred clients rarely meet in one place. */
const REMEMBERED = 1024;
const MAX_REMEMBERED = 32;

/** Values that do not go away with a call lie in the first `fixed` slots of the stack. */
export class LuaStack {
  readonly instance: LuaInstance;
  protected readonly ex: LuaExports;
  /** The lua_State that runs: the same all the time, because there are no coroutines. 0 = closed. */
  protected L = 0;
  protected readonly scratch: number;
  private fixed = 0;
  /** Short strings by where they were last seen: comparing bytes is cheaper than making a string of them. */
  private readonly remembered: (string | undefined)[] = Array.from({ length: REMEMBERED });

  constructor(instance: LuaInstance) {
    this.instance = instance;
    this.ex = instance.ex;
    this.scratch = this.ex.malloc(SCRATCH_BYTES);
    if (this.scratch === 0) throw new Error("no memory for another Lua state");
  }

  /** Keeps the value of a global in a slot of the Lua stack and answers which: for `pushParked`. */
  park(global: string): number {
    this.pushGlobal(global);
    return this.parked();
  }

  /** Puts a parked value on the stack, before its arguments are pushed. */
  pushParked(slot: number): void {
    this.ex.lua_pushvalue(this.L, slot);
  }

  get resultIndex(): number {
    return this.fixed + 1;
  }

  done(): void {
    this.ex.lua_settop(this.L, this.fixed);
  }

  numberAt(index: number): number {
    return this.ex.lua_tonumberx(this.L, index, 0);
  }

  get count(): number {
    return this.ex.lua_gettop(this.L);
  }

  isNumber(index: number): boolean {
    return this.ex.lua_type(this.L, index) === TYPE.number;
  }

  isNil(index: number): boolean {
    return this.ex.lua_type(this.L, index) <= TYPE.nil;
  }

  isString(index: number): boolean {
    return this.ex.lua_type(this.L, index) === TYPE.string;
  }

  /** The bytes of a string or number; null for any other type. */
  textAt(index: number): string | null {
    const at = this.ex.lua_tolstring(this.L, index, this.scratch + LENGTH_AT);
    if (at === 0) return null;
    const bytes = this.instance.bytes();
    const length = this.lengthIn(bytes);
    if (length > MAX_REMEMBERED) return bytes.latin1Slice(at, at + length);
    const slot = (at >>> 4) % REMEMBERED;
    const known = this.remembered[slot];
    if (known !== undefined && isThere(bytes, at, length, known)) return known;
    const text = bytes.latin1Slice(at, at + length);
    this.remembered[slot] = text;
    return text;
  }

  /** The bytes of a string or number where they lie: good until anything is pushed. null for any other type. */
  bytesAt(index: number): Buffer | null {
    const at = this.ex.lua_tolstring(this.L, index, this.scratch + LENGTH_AT);
    if (at === 0) return null;
    const bytes = this.instance.bytes();
    return bytes.subarray(at, at + this.lengthIn(bytes));
  }

  /** Byte by byte, which beats readUInt32LE and its checks. */
  private lengthIn(bytes: Buffer): number {
    const at = this.scratch + LENGTH_AT;
    return (
      ((bytes[at] ?? 0) |
        ((bytes[at + 1] ?? 0) << 8) |
        ((bytes[at + 2] ?? 0) << 16) |
        ((bytes[at + 3] ?? 0) << 24)) >>>
      0
    );
  }

  scalarAt(index: number): LuaScalar {
    switch (this.ex.lua_type(this.L, index)) {
      case TYPE.boolean:
        return this.ex.lua_toboolean(this.L, index) !== 0;
      case TYPE.number:
        return this.numberAt(index);
      case TYPE.string:
        return this.textAt(index);
      default:
        return null;
    }
  }

  pushNil(): void {
    this.ex.lua_pushnil(this.L);
  }

  pushNumber(value: number): void {
    this.ex.lua_pushnumber(this.L, value);
  }

  pushInteger(value: number): void {
    this.ex.lua_pushinteger(this.L, BigInt(value));
  }

  /** Part of the string at an index, from one offset to another. */
  pushPart(index: number, start: number, end: number): void {
    const at = this.ex.lua_tolstring(this.L, index, 0);
    this.ex.lua_pushlstring(this.L, at + start, end - start);
  }

  /** Makes room for more than the few values that always fit. */
  reserve(slots: number): void {
    if (this.ex.lua_checkstack(this.L, slots) === 0) throw new HostRefusal("too many values");
  }

  pushBoolean(value: boolean): void {
    this.ex.lua_pushboolean(this.L, value ? 1 : 0);
  }

  pushText(text: string): void {
    const { length } = text;
    if (length > SCRATCH_BYTES - TEXT_AT) {
      this.pushLong(text);
      return;
    }
    const at = this.scratch + TEXT_AT;
    const bytes = this.instance.bytes();
    // Below about 24 characters a loop beats the native call.
    if (length < 24) for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
    else bytes.latin1Write(text, at, length);
    this.ex.lua_pushlstring(this.L, at, length);
  }

  pushScalar(value: LuaScalar): void {
    if (value === null) this.pushNil();
    else if (Number.isSafeInteger(value)) this.pushInteger(Number(value));
    else if (typeof value === "number") this.pushNumber(value);
    else if (typeof value === "boolean") this.pushBoolean(value);
    else this.pushText(value);
  }

  /** Scalars, and lists of strings, as a global table; text becomes UTF-8. */
  setTable(name: string, fields: Readonly<Record<string, LuaScalar | readonly string[]>>): void {
    this.ex.lua_createtable(this.L, 0, 0);
    for (const [key, value] of Object.entries(fields)) {
      this.pushText(key);
      if (Array.isArray(value)) this.pushList(value as readonly string[]);
      else this.pushScalar(typeof value === "string" ? utf8Bytes(value) : (value as LuaScalar));
      this.ex.lua_rawset(this.L, -3);
    }
    this.setGlobal(name);
  }

  setGlobals(values: Readonly<Record<string, LuaScalar>>): void {
    for (const [name, value] of Object.entries(values)) {
      this.pushScalar(typeof value === "string" ? utf8Bytes(value) : value);
      this.setGlobal(name);
    }
  }

  global(name: string): LuaScalar {
    this.pushGlobal(name);
    const value = this.scalarAt(-1);
    this.done();
    return value;
  }

  private pushLong(text: string): void {
    const at = this.ex.malloc(text.length);
    if (at === 0) throw new HostRefusal("no memory for a string");
    try {
      this.instance.bytes().latin1Write(text, at, text.length);
      this.ex.lua_pushlstring(this.L, at, text.length);
    } finally {
      this.ex.free(at);
    }
  }

  private pushList(items: readonly string[]): void {
    this.ex.lua_createtable(this.L, items.length, 0);
    for (const [index, item] of items.entries()) {
      // Without a fraction, the number becomes an integer key.
      this.ex.lua_pushnumber(this.L, index + 1);
      this.pushText(utf8Bytes(item));
      this.ex.lua_rawset(this.L, -3);
    }
  }

  /** Raw, like all access of the host to globals: a metatable of _G would run unprotected. */
  private pushGlobal(name: string): void {
    const { ex, L } = this;
    ex.lua_rawgeti(L, REGISTRY, GLOBALS);
    this.pushText(name);
    ex.lua_rawget(L, -2);
    ex.lua_copy(L, -1, -2);
    ex.lua_settop(L, -2);
  }

  /** To the value on top of the stack, which goes away. */
  protected setGlobal(name: string): void {
    const { ex, L } = this;
    ex.lua_rawgeti(L, REGISTRY, GLOBALS);
    this.pushText(name);
    ex.lua_pushvalue(L, -3);
    ex.lua_rawset(L, -3);
    ex.lua_settop(L, -3);
  }

  /** Keeps the value on top of the stack; the slot it is in. */
  /** The slot of what lies on top of the stack, from now on kept there. */
  protected parked(): number {
    if (this.ex.lua_checkstack(this.L, 20) === 0) throw new Error("no memory for the Lua stack");
    return this.fix();
  }

  protected fix(): number {
    return ++this.fixed;
  }
}

function isThere(bytes: Buffer, at: number, length: number, text: string): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

export function utf8Bytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

export function utf8Text(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}
