/** wasmoon as its manual uses it, for comparison: objects cross the boundary, and nothing is limited. */
import { type LuaEngine, LuaFactory } from "wasmoon";

export function naiveEngine(): Promise<LuaEngine> {
  return new LuaFactory().createEngine();
}
