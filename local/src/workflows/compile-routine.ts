/** Compiles the routines of a definition: main and its subworkflows. */
import type { CompileHost } from "./compile-context.ts";
import { CompileContext } from "./compile-context.ts";
import { compileBlock } from "./compile-step.ts";
import { RoutineSchema } from "./definition-schema.ts";
import type { Parameter, Program, Routine } from "./program.ts";

/** A definition that is a bare list of steps is the main routine. */
export function compileRoutines(raw: unknown, host: CompileHost): Program {
  const isBareList = Array.isArray(raw);
  const table = new Map<string, unknown>(
    isBareList ? [["main", { steps: raw }]] : Object.entries(isRecord(raw) ? raw : {}),
  );
  const subworkflows = new Map([...table].filter(([name]) => name !== "main"));
  const context = new CompileContext(host, subworkflows);
  const routines = new Map<string, Routine>();
  if (!table.has("main")) context.problem('there is no "main" workflow');
  for (const [name, shape] of table) {
    const place = isBareList ? context.inStep(name) : context.at(name).inStep(name);
    const routine = compileRoutine(place, name, shape, isBareList);
    if (routine !== undefined) routines.set(name, routine);
  }
  return { routines };
}

function compileRoutine(
  context: CompileContext,
  name: string,
  raw: unknown,
  isBareList: boolean,
): Routine | undefined {
  const shape = context.parse(RoutineSchema, raw);
  if (shape === undefined) return undefined;
  const parameters = (shape.params ?? []).map((entry): Parameter => {
    if (typeof entry === "string") return { name: entry };
    const [parameter = "", fallback] = Object.entries(entry)[0] ?? [];
    return { name: parameter, fallback: context.at("params").template(fallback) };
  });
  if (name === "main" && parameters.length > 1) {
    context.at("params").problem("main takes one parameter: the execution's argument");
  }
  const block = compileBlock(isBareList ? context : context.at("steps"), shape.steps);
  return { name, parameters, block };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
