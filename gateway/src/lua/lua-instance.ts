/**
 * Loads wasmoon's Lua 5.4 once and hands out the raw exports of its wasm instance. wasmoon's own `lua_*` functions are debug
 * wrappers, ten times as expensive, and it does not hand the instance out: so WebAssembly.instantiate is watched while it
 * loads, and only then. This leans on the internals of wasmoon 1.16.0, which is pinned exactly.
 */
import { LuaFactory } from "wasmoon";
import type { LuaState } from "./lua-state.ts";

/** The C functions of Lua in use here; pointers, indices and lengths are all i32. */
export interface LuaExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  malloc(bytes: number): number;
  realloc(pointer: number, bytes: number): number;
  free(pointer: number): void;
  stackSave(): number;
  stackRestore(top: number): void;
  lua_newstate(allocator: number, userData: number): number;
  lua_close(state: number): void;
  luaL_openlibs(state: number): void;
  luaL_loadbufferx(state: number, at: number, bytes: number, name: number, mode: number): number;
  luaL_traceback(state: number, of: number, message: number, level: number): void;
  lua_getstack(state: number, level: number, record: number): number;
  lua_getinfo(state: number, what: number, record: number): number;
  lua_sethook(state: number, hook: number, mask: number, count: number): void;
  lua_pcallk(
    state: number,
    args: number,
    results: number,
    handler: number,
    context: number,
    continuation: number,
  ): number;
  lua_error(state: number): number;
  lua_checkstack(state: number, slots: number): number;
  lua_gettop(state: number): number;
  lua_settop(state: number, index: number): void;
  lua_pushvalue(state: number, index: number): void;
  lua_pushnil(state: number): void;
  lua_pushnumber(state: number, value: number): void;
  lua_pushinteger(state: number, value: bigint): void;
  lua_pushboolean(state: number, value: number): void;
  lua_pushlstring(state: number, at: number, bytes: number): number;
  lua_pushcclosure(state: number, target: number, upvalues: number): void;
  lua_createtable(state: number, items: number, fields: number): void;
  lua_copy(state: number, from: number, to: number): void;
  lua_rawgeti(state: number, index: number, key: bigint): number;
  lua_rawget(state: number, index: number): number;
  lua_rawset(state: number, index: number): void;
  lua_type(state: number, index: number): number;
  lua_toboolean(state: number, index: number): number;
  lua_tonumberx(state: number, index: number, isNumber: number): number;
  lua_tolstring(state: number, index: number, length: number): number;
}

interface LuaModule {
  addFunction(target: (...args: number[]) => number | void, signature: string): number;
}

interface WasmHost {
  instantiate: (...args: unknown[]) => Promise<unknown>;
}

/** Buffer's own names for what `toString` and `write` do after a look at the encoding; Node's types leave them out. */
export interface Latin1Bytes extends Buffer {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, at: number, length: number): number;
}

/** Functions of ours that Lua calls; one of each for all states, because each costs a wasm module of its own. */
export interface LuaCallbacks {
  readonly allocator: number;
  readonly hook: number;
  readonly hostFunction: number;
  readonly messageHandler: number;
}

/** One wasm instance: the states in it share its memory, which grows and never shrinks. */
export class LuaInstance {
  readonly ex: LuaExports;
  readonly callbacks: LuaCallbacks;
  /** C stack pointer at rest. */
  readonly restingStack: number;
  /** By the user data of their allocators. */
  readonly states = new Map<number, LuaState>();
  /** The innermost state that Lua runs in just now. */
  current: LuaState | null = null;
  /** Bytes that all open states hold. */
  usedBytes = 0;
  private view: Latin1Bytes;
  private nextState = 1;
  /** The state of the last allocation: mostly that of the next one too. */
  private allocating: LuaState | null = null;

  constructor(ex: LuaExports, module: LuaModule) {
    this.ex = ex;
    this.restingStack = ex.stackSave();
    this.view = viewOf(ex);
    this.callbacks = {
      allocator: module.addFunction(this.allocate.bind(this), "iiiii"),
      hook: module.addFunction((L) => this.running().onHook(L ?? 0), "vii"),
      hostFunction: module.addFunction((L) => this.running().onHostCall(L ?? 0), "ii"),
      messageHandler: module.addFunction((L) => this.running().onError(L ?? 0), "ii"),
    };
  }

  /** Growth replaces the buffer and detaches older views, and any call into Lua may grow: ask for it each time. */
  bytes(): Latin1Bytes {
    if (this.view.length === 0) this.view = viewOf(this.ex);
    return this.view;
  }

  register(state: LuaState): number {
    const id = this.nextState++;
    this.states.set(id, state);
    return id;
  }

  private running(): LuaState {
    if (this.current === null) throw new Error("Lua called its host while no state was running");
    return this.current;
  }

  private allocate(owner = 0, pointer = 0, oldSize = 0, newSize = 0): number {
    let state = this.allocating;
    if (state?.id !== owner) {
      state = this.states.get(owner) ?? null;
      this.allocating = state;
    }
    return state === null ? 0 : state.allocate(pointer, oldSize, newSize);
  }
}

function viewOf({ memory }: LuaExports): Latin1Bytes {
  return Buffer.from(memory.buffer) as Buffer as Latin1Bytes;
}

export async function loadLua(): Promise<LuaInstance> {
  const host = Reflect.get(globalThis, "WebAssembly") as unknown as WasmHost;
  const original = host.instantiate;
  let found: LuaExports | null = null;
  host.instantiate = async (...args) => {
    const result = (await original.apply(host, args)) as {
      instance?: { exports?: unknown };
      exports?: unknown;
    };
    const candidate = (result.instance ?? result).exports as Partial<LuaExports> | undefined;
    // Something else may instantiate meanwhile.
    if (candidate?.lua_pcallk !== undefined) found = candidate as LuaExports;
    return result;
  };
  try {
    const { module } = await new LuaFactory().getLuaModule();
    if (found === null) {
      throw new Error(
        "wasmoon no longer loads through WebAssembly.instantiate: pin version 1.16.0",
      );
    }
    return new LuaInstance(found, module);
  } finally {
    host.instantiate = original;
  }
}
