/** Expression helpers: the functions without a module name. */
import type { Value } from "../value.ts";
import { isList, isMap, typeName } from "../value.ts";
import { raised } from "../workflow-error.ts";
import type { LibraryModule } from "./function.ts";
import { libraryFunction, mapArgument } from "./function.ts";

const INTEGER = /^[+-]?\d+$/;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

export const helpers: LibraryModule = {
  double: libraryFunction(["x"], ([x = null]) => {
    if (typeof x === "number") return x;
    if (typeof x === "string" && DECIMAL.test(x)) return Number(x);
    throw cannotConvert("double", x);
  }),
  int: libraryFunction(["x"], ([x = null]) => {
    if (typeof x === "number") return Math.trunc(x);
    if (typeof x === "string" && INTEGER.test(x) && Number.isSafeInteger(Number(x))) {
      return Number(x);
    }
    throw cannotConvert("int", x);
  }),
  string: libraryFunction(["x"], ([x = null]) => {
    if (typeof x === "string") return x;
    if (typeof x === "number" || typeof x === "boolean") return String(x);
    throw cannotConvert("string", x);
  }),
  keys: libraryFunction(["map"], (args) => Object.keys(mapArgument(args, 0, "keys"))),
  len: libraryFunction(["x"], ([x = null]) => {
    if (typeof x === "string") return Array.from(x).length;
    if (isList(x)) return x.length;
    if (isMap(x)) return Object.keys(x).length;
    throw raised("TypeError", `len: expected a string, list or map, got ${typeName(x)}`);
  }),
  default: libraryFunction(["val", "default_val"], ([value = null, fallback = null]) =>
    value === null ? fallback : value,
  ),
  /** Both arguments are evaluated, as for every function. */
  if: libraryFunction(
    ["condition", "if_true", "if_false"],
    ([condition, yes = null, no = null]) => {
      if (typeof condition === "boolean") return condition ? yes : no;
      throw raised("TypeError", `if: expected a boolean, got ${typeName(condition ?? null)}`);
    },
  ),
  get_type: libraryFunction(["x"], ([x = null]) => typeName(x)),
};

function cannotConvert(name: string, value: Value): Error {
  const type = typeName(value);
  if (type === "string") {
    return raised("ValueError", `${name}: cannot convert ${JSON.stringify(value)}`);
  }
  return raised("TypeError", `${name}: cannot convert ${type}`);
}
