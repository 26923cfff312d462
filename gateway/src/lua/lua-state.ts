/** One lua_State with limits on memory and time, and the functions of its host. */
import type { LuaInstance } from "./lua-instance.ts";
import { lineInStack, readableStack, splitPosition } from "./lua-message.ts";
import { HostRefusal, LuaStack, SCRATCH_BYTES, TYPE, utf8Bytes, utf8Text } from "./lua-stack.ts";
import { PolicyError, type PolicyErrorKind } from "./policy-error.ts";

const MASK_COUNT = 8;
/** lua_upvalueindex(1), from LUAI_MAXSTACK of a million. */
const FIRST_UPVALUE = -1_001_001;
const ERROR_MEMORY = 4;

/** Frames that are looked through for a line of the script. */
const NEAR_LEVELS = 8;
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

/** Reads its arguments from the state, pushes its results and returns their number. */
export type HostFunction = (state: LuaState) => number;

/** Thrown through Lua when raising errors did not end a script; the state is lost. */
class LastResort extends Error {}

/** Thrown by `call` when a host function called `abandon`; the state is as good as before. */
export class Abandoned extends Error {}

/** The first slots of the Lua stack hold the message handler and `collectgarbage`; parked values follow. */
const HANDLER_SLOT = 1;
const COLLECT_SLOT = 2;

export class LuaState extends LuaStack {
  readonly id: number;
  /** Names the script in messages. */
  readonly script: string;
  /** Bytes held from the allocator. */
  used = 0;
  isDead = false;
  private readonly limits: LuaLimits;
  private readonly functions: HostFunction[] = [];
  /** The memory limit holds for scripts only: an allocation of the host's own could not be refused safely. */
  private isGuarded = false;
  private startedAt = 0;
  /** Errors raised to end the call in progress. */
  private kills = 0;
  private isAbandoned = false;
  private stackText = "";
  private refusedLine: number | null = null;

  constructor(instance: LuaInstance, script: string, limits: LuaLimits = DEFAULT_LIMITS) {
    super(instance);
    this.script = script;
    this.limits = limits;
    this.id = instance.register(this);
    const { callbacks, ex } = instance;
    this.L = ex.lua_newstate(callbacks.allocator, this.id);
    if (this.L === 0) throw new Error("no memory for another Lua state");
    ex.luaL_openlibs(this.L);
    ex.lua_settop(this.L, 0);
    ex.lua_pushcclosure(this.L, callbacks.messageHandler, 0);
    this.fix();
    this.park("collectgarbage");
    ex.lua_sethook(this.L, callbacks.hook, MASK_COUNT, HOOK_EVERY);
  }

  /** Frees all that is unreachable: what lies in dead slots of the stack, too, which a collection during a call keeps. */
  collect(): void {
    this.ex.lua_pushvalue(this.L, COLLECT_SLOT);
    this.ex.lua_pcallk(this.L, 0, 0, 0, 0, 0);
  }

  /** A dead state is abandoned with its memory: its pending `__close` handlers would run without hooks. */
  close(): void {
    if (this.L === 0) return;
    if (this.isDead) this.instance.usedBytes -= this.used;
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

  /** For host functions that may take long: the instruction after them ends a script that has run for too long. */
  lookAtClock(): void {
    if (this.isOverBudget()) this.hookEach();
  }

  /** For host functions: ends the call in progress, whatever the script would catch, and `call` throws Abandoned. */
  abandon(): never {
    this.isAbandoned = true;
    this.hookEach();
    throw new HostRefusal("the call is abandoned");
  }

  /** Makes a host function a global of scripts. */
  define(name: string, target: HostFunction): void {
    this.functions.push(target);
    this.ex.lua_pushnumber(this.L, this.functions.length - 1);
    this.ex.lua_pushcclosure(this.L, this.instance.callbacks.hostFunction, 1);
    this.setGlobal(name);
  }

  allocate(pointer: number, oldSize: number, newSize: number): number {
    const { ex } = this;
    if (newSize === 0) {
      if (pointer !== 0) {
        this.hold(-oldSize);
        ex.free(pointer);
      }
      return 0;
    }
    // For a new block oldSize is the type of what it is for.
    const more = pointer === 0 ? newSize : newSize - oldSize;
    if (more > 0 && this.isGuarded && this.refuses(more, newSize, pointer === 0 ? oldSize : 0)) {
      // A block that grows may be the Lua stack itself, whose frames cannot be read just now.
      this.refusedLine = pointer === 0 ? this.currentLine() : null;
      return 0;
    }
    const at = ex.realloc(pointer, newSize);
    if (at !== 0) this.hold(more);
    return at;
  }

  private hold(bytes: number): void {
    this.used += bytes;
    this.instance.usedBytes += bytes;
  }

  private refuses(more: number, size: number, type: number): boolean {
    const isTooMuch =
      this.used + more > this.limits.maxMemoryBytes ||
      size > MAX_BLOCK_BYTES ||
      (type === TYPE.string && size > MAX_STRING_BYTES + STRING_OVERHEAD);
    // Large blocks and refusals, each of which makes Lua collect everything, take long for their single instruction.
    if ((isTooMuch || size >= LARGE_BLOCK_BYTES) && this.isOverBudget()) this.hookEach();
    return isTooMuch;
  }

  /**
   * Out of budget, or abandoned, it raises a Lua error and from then on fires at every instruction: a pcall may catch one error, but the
   * instruction after it raises the next, so every frame goes and the state stays sound.
   */
  onHook(L: number): void {
    if (!this.isAbandoned && !this.isOverBudget()) return;
    if (this.kills === 0 && !this.isAbandoned) this.stackText = this.traceback(0);
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
    if (this.kills === 0 && !this.isAbandoned) this.stackText = this.traceback(1);
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
    for (let level = 0; level < NEAR_LEVELS && ex.lua_getstack(L, level, record) !== 0; level++) {
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

  private failure(status: number): PolicyError | Abandoned {
    const { kills, isAbandoned } = this;
    const wasKilled = kills > 0;
    this.kills = 0;
    this.isAbandoned = false;
    if (wasKilled || isAbandoned) {
      this.ex.lua_sethook(this.L, this.instance.callbacks.hook, MASK_COUNT, HOOK_EVERY);
    }
    if (isAbandoned) {
      this.done();
      return new Abandoned();
    }
    if (wasKilled) return this.takeError("budget");
    if (status !== ERROR_MEMORY) return this.takeError("error");
    const error = this.takeError("memory");
    this.collect();
    return error;
  }

  private takeError(kind: PolicyErrorKind): PolicyError {
    const text = this.textAt(-1);
    this.done();
    const budget = `ran for more than ${Math.ceil(this.limits.budgetMs)} ms and was stopped`;
    return this.errorOf(
      kind,
      kind === "budget" ? budget : utf8Text(text ?? "the error is not a string"),
    );
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
}
