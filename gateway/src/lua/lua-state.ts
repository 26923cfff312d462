/**
 * One lua_State with limits on memory and time. Only numbers, booleans and byte strings cross the boundary: a JS object in a
 * script's hands is a way out of the sandbox. JS strings are latin1, one character a byte, wherever nothing else is said.
 */
import type { LuaExports, LuaInstance } from "./lua-instance.ts";
import { PolicyError, type PolicyErrorKind } from "./policy-error.ts";

const MASK_COUNT = 8;
/** lua_upvalueindex(1), from LUAI_MAXSTACK of a million. */
const FIRST_UPVALUE = -1_001_001;
const TYPE = { nil: 0, boolean: 1, number: 3, string: 4, table: 5 } as const;
const ERROR_MEMORY = 4;

const SCRATCH_BYTES = 4096;
/** Within the first bytes of the scratch memory: where lua_tolstring leaves a length. */
const LENGTH_AT = 0;
const TEXT_AT = 8;
/** sizeof(lua_Debug), and where in it line and chunk stand, on wasm32. */
const DEBUG_RECORD_BYTES = 128;
const CURRENT_LINE_AT = 24;
const CHUNK_NAME_AT = 44;

/** Chunks of the platform's own Lua are named in brackets: they mean nothing to the author of a script. */
const OPENING_BRACKET = 0x5b;

/** Instructions between two looks at the clock: small, because one instruction may work through a whole MAX_STRING_BYTES. */
const HOOK_EVERY = 1000;
/** C functions reach no hook, so what one of them can be given to work on is bounded. */
export const MAX_STRING_BYTES = 128 * 1024;
const MAX_BLOCK_BYTES = 1024 * 1024;
/** Blocks from this size on look at the clock. */
const LARGE_BLOCK_BYTES = 32 * 1024;
/** A frame takes one or two errors to go, and there are some ten thousand frames at most. */
const LAST_RESORT = 100_000;
/** The header of a Lua string. */
const STRING_OVERHEAD = 64;

export interface LuaLimits {
  readonly maxMemoryBytes: number;
  /** For one call from the host. */
  readonly budgetMs: number;
}

export const DEFAULT_LIMITS: LuaLimits = { maxMemoryBytes: 8 * 1024 * 1024, budgetMs: 50 };

export type LuaScalar = string | number | boolean | null;

/** Thrown by a host function to raise a Lua error in the script, at the line that called it. */
export class HostRefusal extends Error {}

/** Reads its arguments from the state, pushes its results and returns their number. */
export type HostFunction = (state: LuaState) => number;

/** Thrown through Lua when raising errors did not end a script; the state is lost. */
class LastResort extends Error {}

/** Slot 1 of the Lua stack holds the message handler; parked values follow. */
const HANDLER_SLOT = 1;

export class LuaState {
  readonly instance: LuaInstance;
  readonly id: number;
  /** Names the script in messages. */
  readonly script: string;
  /** Bytes held from the allocator. */
  used = 0;
  isDead = false;
  private readonly ex: LuaExports;
  private readonly limits: LuaLimits;
  /** The lua_State that runs: the same all the time, because there are no coroutines. */
  private L: number;
  private readonly scratch: number;
  private readonly functions: HostFunction[] = [];
  private fixed = HANDLER_SLOT;
  /** The memory limit holds for scripts only: an allocation of the host's own could not be refused safely. */
  private isGuarded = false;
  private startedAt = 0;
  /** Errors raised to end the call in progress. */
  private kills = 0;
  private stackText = "";
  private refusedLine: number | null = null;

  constructor(instance: LuaInstance, script: string, limits: LuaLimits = DEFAULT_LIMITS) {
    this.instance = instance;
    this.ex = instance.ex;
    this.script = script;
    this.limits = limits;
    this.id = instance.register(this);
    const { callbacks, ex } = instance;
    this.L = ex.lua_newstate(callbacks.allocator, this.id);
    this.scratch = ex.malloc(SCRATCH_BYTES);
    if (this.L === 0 || this.scratch === 0) throw new Error("no memory for another Lua state");
    ex.luaL_openlibs(this.L);
    ex.lua_settop(this.L, 0);
    ex.lua_pushcclosure(this.L, callbacks.messageHandler, 0);
    ex.lua_sethook(this.L, callbacks.hook, MASK_COUNT, HOOK_EVERY);
  }

  /** A dead state is abandoned with its memory: its pending `__close` handlers would run without hooks. */
  close(): void {
    if (this.L === 0) return;
    if (this.isDead) this.instance.abandonedBytes += this.used;
    else this.ex.lua_close(this.L);
    this.ex.free(this.scratch);
    this.instance.states.delete(this.id);
    this.L = 0;
  }

  run(source: string, chunk = this.script): void {
    this.compile(source, chunk);
    this.call(0, 0);
  }

  /** A script that runs from top to bottom each time it is called. */
  parkChunk(source: string, chunk = this.script): number {
    this.compile(source, chunk);
    return this.parked();
  }

  /** `source` is text; a binary chunk is refused, because crafted bytecode can corrupt the VM. */
  private compile(source: string, chunk: string): void {
    const code = Buffer.from(source);
    const tail = Buffer.from(`=${chunk}\0t\0`);
    const at = this.ex.malloc(code.length + tail.length);
    if (at === 0) throw new Error("no memory for the source of a script");
    const bytes = this.instance.bytes();
    bytes.set(code, at);
    bytes.set(tail, at + code.length);
    const nameAt = at + code.length;
    const modeAt = nameAt + tail.length - 2;
    try {
      this.isGuarded = true;
      const status = this.ex.luaL_loadbufferx(this.L, at, code.length, nameAt, modeAt);
      this.isGuarded = false;
      if (status !== 0) throw this.takeError(status === ERROR_MEMORY ? "memory" : "load");
    } finally {
      this.isGuarded = false;
      this.ex.free(at);
    }
  }

  /** A global as a function for `push` and `call`; null when it is none. Its value is kept in a slot of the Lua stack. */
  park(global: string): number {
    this.writeName(global);
    this.ex.lua_getglobal(this.L, this.scratch + TEXT_AT);
    return this.parked();
  }

  private parked(): number {
    if (this.ex.lua_checkstack(this.L, 20) === 0) throw new Error("no memory for the Lua stack");
    return ++this.fixed;
  }

  /** Puts a parked value on the stack, before its arguments are pushed. */
  pushParked(slot: number): void {
    this.ex.lua_pushvalue(this.L, slot);
  }

  /**
   * Calls the function pushed before its `args`. Throws a PolicyError; otherwise `results` values lie on the stack from
   * `resultIndex` on, until `done`.
   */
  call(args: number, results: number): void {
    const { instance, ex } = this;
    if (this.isDead || this.L === 0) throw this.errorOf("dead", "its state is gone");
    const outer = instance.current;
    const resting = outer === null ? instance.restingStack : ex.stackSave();
    instance.current = this;
    this.startedAt = 0;
    this.isGuarded = true;
    let status: number;
    try {
      status = ex.lua_pcallk(this.L, args, results, HANDLER_SLOT, 0, 0);
    } catch (error) {
      // Half-unwound: its next call would fail with nonsense, its hooks stay off, and 192 bytes of C stack leak each time.
      ex.stackRestore(resting);
      this.isDead = true;
      const why = error instanceof LastResort ? "did not stop when told to" : String(error);
      throw this.errorOf("dead", why);
    } finally {
      this.isGuarded = false;
      instance.current = outer;
    }
    if (status !== 0) throw this.failure(status);
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

  isString(index: number): boolean {
    return this.ex.lua_type(this.L, index) === TYPE.string;
  }

  /** The bytes of a string or number; null for any other type. */
  textAt(index: number): string | null {
    const at = this.ex.lua_tolstring(this.L, index, this.scratch + LENGTH_AT);
    if (at === 0) return null;
    const bytes = this.instance.bytes();
    return bytes.latin1Slice(at, at + bytes.readUInt32LE(this.scratch + LENGTH_AT));
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
    else if (Number.isSafeInteger(value)) this.ex.lua_pushinteger(this.L, BigInt(value));
    else if (typeof value === "number") this.pushNumber(value);
    else if (typeof value === "boolean") this.pushBoolean(value);
    else this.pushText(value);
  }

  /** Makes a host function a global of scripts. */
  define(name: string, target: HostFunction): void {
    this.functions.push(target);
    this.ex.lua_pushnumber(this.L, this.functions.length - 1);
    this.ex.lua_pushcclosure(this.L, this.instance.callbacks.hostFunction, 1);
    this.setGlobal(name);
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

  global(name: string): LuaScalar {
    this.writeName(name);
    this.ex.lua_getglobal(this.L, this.scratch + TEXT_AT);
    const value = this.scalarAt(-1);
    this.done();
    return value;
  }

  allocate(pointer: number, oldSize: number, newSize: number): number {
    const { ex } = this;
    if (newSize === 0) {
      if (pointer !== 0) {
        this.used -= oldSize;
        ex.free(pointer);
      }
      return 0;
    }
    // For a new block oldSize is the type of what it is for.
    const more = pointer === 0 ? newSize : newSize - oldSize;
    if (more > 0 && this.isGuarded && this.refuses(more, newSize, pointer === 0 ? oldSize : 0)) {
      return 0;
    }
    const at = ex.realloc(pointer, newSize);
    if (at !== 0) this.used += more;
    return at;
  }

  private refuses(more: number, size: number, type: number): boolean {
    const isTooMuch =
      this.used + more > this.limits.maxMemoryBytes ||
      size > MAX_BLOCK_BYTES ||
      (type === TYPE.string && size > MAX_STRING_BYTES + STRING_OVERHEAD);
    // Large blocks and refusals, each of which makes Lua collect everything, take long for their single instruction.
    if ((isTooMuch || size >= LARGE_BLOCK_BYTES) && this.isOverBudget()) this.hookEach();
    if (isTooMuch) this.refusedLine = this.currentLine();
    return isTooMuch;
  }

  /**
   * Out of budget it raises a Lua error and from then on fires at every instruction: a pcall may catch one error, but the
   * instruction after it raises the next, so every frame goes and the state stays sound.
   */
  onHook(L: number): void {
    if (!this.isOverBudget()) return;
    if (this.kills === 0) this.stackText = this.traceback(0);
    if (++this.kills > LAST_RESORT) throw new LastResort();
    this.hookEach();
    this.pushText("ran for too long");
    this.ex.lua_error(L);
  }

  onHostCall(L: number): number {
    const target = this.functions[this.numberAt(FIRST_UPVALUE)];
    try {
      if (target === undefined) throw new HostRefusal("there is no such function");
      return target(this);
    } catch (error) {
      // Anything else is Lua's own unwinding, or a defect that only a new state survives.
      if (!(error instanceof HostRefusal)) throw error;
      this.pushText(utf8Bytes(`${this.position()}${error.message}`));
    }
    return this.ex.lua_error(L);
  }

  /** Runs where the error was raised, before anything is unwound; C code only, because hooks may be off. */
  onError(_L: number): number {
    if (this.kills === 0) this.stackText = this.traceback(1);
    return 1;
  }

  private isOverBudget(): boolean {
    const now = performance.now();
    // The first look only starts the clock, so that a short call never reads it.
    if (this.startedAt === 0) this.startedAt = now;
    return now - this.startedAt > this.limits.budgetMs;
  }

  private hookEach(): void {
    this.ex.lua_sethook(this.L, this.instance.callbacks.hook, MASK_COUNT, 1);
  }

  private traceback(level: number): string {
    const wasGuarded = this.isGuarded;
    this.isGuarded = false;
    const top = this.ex.lua_gettop(this.L);
    this.ex.luaL_traceback(this.L, this.L, 0, level);
    const text = this.textAt(-1) ?? "";
    this.ex.lua_settop(this.L, top);
    this.isGuarded = wasGuarded;
    return readableStack(text);
  }

  /** The innermost line of the script that runs, without allocating anything. */
  private currentLine(): number | null {
    const { ex, L } = this;
    const record = this.scratch + SCRATCH_BYTES - DEBUG_RECORD_BYTES - 8;
    const what = this.scratch + SCRATCH_BYTES - 8;
    const bytes = this.instance.bytes();
    bytes.write("Sl\0", what, "latin1");
    for (let level = 0; ex.lua_getstack(L, level, record) !== 0; level++) {
      ex.lua_getinfo(L, what, record);
      const line = bytes.readInt32LE(record + CURRENT_LINE_AT);
      if (line > 0 && bytes[record + CHUNK_NAME_AT] !== OPENING_BRACKET) return line;
    }
    return null;
  }

  private position(): string {
    const line = this.currentLine();
    return line === null ? "" : `${this.script}:${line}: `;
  }

  private failure(status: number): PolicyError {
    const wasKilled = this.kills > 0;
    if (wasKilled) {
      this.kills = 0;
      this.ex.lua_sethook(this.L, this.instance.callbacks.hook, MASK_COUNT, HOOK_EVERY);
    }
    if (wasKilled) return this.takeError("budget");
    return this.takeError(status === ERROR_MEMORY ? "memory" : "error");
  }

  private takeError(kind: PolicyErrorKind): PolicyError {
    const isText = this.isString(-1);
    const text = isText ? utf8Text(this.textAt(-1) ?? "") : "the error is not a string";
    this.done();
    const budget = `ran for more than ${this.limits.budgetMs} ms and was stopped`;
    return this.errorOf(kind, kind === "budget" ? budget : text);
  }

  private errorOf(kind: PolicyErrorKind, text: string): PolicyError {
    const stack = this.stackText;
    this.stackText = "";
    const { line, message } = splitPosition(this.script, text);
    const known = kind === "memory" ? this.refusedLine : (line ?? lineInStack(this.script, stack));
    const memory = `needs more memory than the ${this.limits.maxMemoryBytes} bytes a script may have`;
    return new PolicyError({
      kind,
      script: this.script,
      line: known,
      message: kind === "memory" ? memory : message,
      stack,
    });
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

  private setGlobal(name: string): void {
    this.writeName(name);
    this.ex.lua_setglobal(this.L, this.scratch + TEXT_AT);
  }

  private writeName(name: string): void {
    this.instance.bytes().write(`${name}\0`, this.scratch + TEXT_AT, "latin1");
  }
}

export function utf8Bytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

export function utf8Text(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}

function splitPosition(script: string, text: string): { line: number | null; message: string } {
  if (!text.startsWith(`${script}:`)) return { line: null, message: text };
  const match = /^(\d+): ([\s\S]*)$/.exec(text.slice(script.length + 1));
  return match === null
    ? { line: null, message: text }
    : { line: Number(match[1]), message: match[2] ?? "" };
}

function lineInStack(script: string, stack: string): number | null {
  const own = stack.split("\n").find((frame) => frame.startsWith(`${script}:`));
  const match = /^(\d+):/.exec(own?.slice(script.length + 1) ?? "");
  return match === null ? null : Number(match[1]);
}

function readableStack(text: string): string {
  const frames = text.split("\n").map((frame) => frame.trim());
  return frames
    .filter((frame) => frame !== "stack traceback:" && frame !== "" && !frame.startsWith("["))
    .join("\n");
}
