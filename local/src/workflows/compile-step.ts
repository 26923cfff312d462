/** Compiles steps: checks their shape, parses their expressions, resolves what they call and where they jump. */
import type { CompileContext } from "./compile-context.ts";
import { compileRetry } from "./compile-retry.ts";
import type { ForShape, StepKind, StepShape } from "./definition-schema.ts";
import {
  AssignSchema,
  ExceptSchema,
  ForSchema,
  ParallelSchema,
  STEP_KINDS,
  StepListSchema,
  StepSchema,
  SwitchSchema,
} from "./definition-schema.ts";
import type { Node } from "./expression-parser.ts";
import { LIMITS } from "./limits.ts";
import type {
  Action,
  Assignment,
  Block,
  Loop,
  ParallelAction,
  Step,
  TryAction,
} from "./program.ts";
import { unreachable } from "./unreachable.ts";

const NOTHING: Action = { kind: "none" };
const EMPTY_BLOCK: Block = { steps: [], positions: new Map() };

export function compileBlock(context: CompileContext, raw: unknown): Block {
  const list = context.parse(StepListSchema, raw);
  if (list === undefined) return EMPTY_BLOCK;
  const names = list.map((entry) => Object.keys(entry)[0] ?? "");
  const inside = context.withLabels(names);
  const positions = new Map<string, number>();
  const steps = list.map((entry, at) => {
    const name = names[at] ?? "";
    const place = inside.at(at, name).inStep(name);
    if (positions.has(name)) place.problem(`two steps are called "${name}"`);
    positions.set(name, at);
    return compileStep(place, name, entry[name]);
  });
  return { steps, positions };
}

function compileStep(context: CompileContext, name: string, raw: unknown): Step {
  const line = context.line;
  const shape = context.parse(StepSchema, raw);
  if (shape === undefined) return { name, line, action: NOTHING, next: undefined };
  if (shape.next !== undefined) context.at("next").checkJump(shape.next);
  const kind = kindOf(context, shape);
  const action = kind === undefined ? NOTHING : compileAction(context, kind, shape);
  return { name, line, action, next: shape.next };
}

function kindOf(context: CompileContext, shape: StepShape): StepKind | undefined {
  const keys = Object.keys(shape);
  const kinds = keys.filter((key): key is StepKind => key in STEP_KINDS && key !== "next");
  const [kind = keys.includes("next") ? "next" : undefined] = kinds;
  if (kind === undefined) {
    context.problem(`a step needs one of: ${Object.keys(STEP_KINDS).join(", ")}`);
    return undefined;
  }
  const allowed: readonly string[] = [kind, ...STEP_KINDS[kind]];
  const stray = keys.find((key) => !allowed.includes(key));
  if (stray !== undefined) context.at(stray).problem(`"${stray}" cannot stand beside "${kind}"`);
  return kind;
}

function compileAction(context: CompileContext, kind: StepKind, shape: StepShape): Action {
  switch (kind) {
    case "next":
      return NOTHING;
    case "assign":
      return compileAssign(context.at("assign"), shape.assign);
    case "call":
      return compileCall(context, shape);
    case "switch":
      return compileSwitch(context.at("switch"), shape.switch);
    case "for":
      return compileFor(context.at("for"), shape.for);
    case "parallel":
      return compileParallel(context.at("parallel"), shape.parallel);
    case "try":
      return compileTry(context, shape);
    case "steps":
      return { kind: "block", block: compileBlock(context.at("steps"), shape.steps) };
    case "raise":
      return { kind: "raise", error: context.at("raise").template(shape.raise) };
    case "return":
      if (context.parallelDepth > 0) context.problem("return cannot leave a parallel step");
      return { kind: "return", value: context.at("return").template(shape.return) };
    default:
      return unreachable(kind);
  }
}

function compileAssign(context: CompileContext, raw: unknown): Action {
  const entries = context.parse(AssignSchema, raw) ?? [];
  const assignments = entries.flatMap((entry, at): Assignment[] => {
    const [target = "", value] = Object.entries(entry)[0] ?? [];
    const place = context.at(at, target);
    const node = place.expression(target);
    const path = node === undefined ? undefined : pathOf(node);
    if (node !== undefined && path === undefined) {
      place.problem(`"${target}" is not a variable or an element of one`);
    }
    if (path === undefined) return [];
    for (const key of path.keys) place.checkCalls(key);
    return [{ variable: path.variable, path: path.keys, value: place.template(value) }];
  });
  return { kind: "assign", assignments };
}

function pathOf(node: Node): { variable: string; keys: Node[] } | undefined {
  if (node.kind === "variable") return { variable: node.name, keys: [] };
  if (node.kind !== "member" && node.kind !== "index") return undefined;
  const outer = pathOf(node.object);
  if (outer === undefined) return undefined;
  const key: Node = node.kind === "index" ? node.index : { kind: "literal", value: node.name };
  return { variable: outer.variable, keys: [...outer.keys, key] };
}

function compileCall(context: CompileContext, shape: StepShape): Action {
  const target = context.at("call").callTarget(shape.call ?? "");
  if (target === undefined) return NOTHING;
  const args = context.at("args").template(shape.args ?? {});
  return { kind: "call", target, args, result: shape.result };
}

function compileSwitch(context: CompileContext, raw: unknown): Action {
  const entries = context.parse(SwitchSchema, raw) ?? [];
  const cases = entries.map((entry, at) => {
    const { condition, ...rest } = entry;
    const place = context.at(at);
    const isEmpty = Object.keys(rest).length === 0;
    const body: Step = isEmpty
      ? { name: context.step, line: place.line, action: NOTHING, next: undefined }
      : compileStep(place, context.step, rest);
    return { condition: place.at("condition").template(condition), body };
  });
  return { kind: "switch", cases };
}

function compileFor(context: CompileContext, raw: unknown): Action {
  const shape = context.parse(ForSchema, raw);
  if (shape === undefined) return NOTHING;
  return { kind: "for", loop: compileLoop(context, shape, context.inLoop()) };
}

function compileLoop(context: CompileContext, shape: ForShape, inside: CompileContext): Loop {
  const kind = shape.range === undefined ? "in" : "range";
  return {
    variable: shape.value,
    index: shape.index,
    items: { kind, template: context.at(kind).template(shape[kind]) },
    block: compileBlock(inside.at("steps"), shape.steps),
  };
}

function compileParallel(context: CompileContext, raw: unknown): ParallelAction | Action {
  const shape = context.parse(ParallelSchema, raw);
  if (shape === undefined) return NOTHING;
  if (context.parallelDepth >= LIMITS.parallelNesting) {
    context.problem(`parallel steps nest at most ${LIMITS.parallelNesting} deep`);
  }
  const common = {
    kind: "parallel",
    shared: new Set(shape.shared),
    concurrencyLimit:
      shape.concurrency_limit === undefined
        ? undefined
        : context.at("concurrency_limit").template(shape.concurrency_limit),
  } as const;
  if (shape.branches !== undefined) {
    const inside = context.at("branches").inParallel(false);
    const branches = shape.branches.map((entry, at) => compileBranch(inside.at(at), entry));
    return { ...common, work: { kind: "branches", branches } };
  }
  const loopPlace = context.at("for");
  const loop = loopPlace.parse(ForSchema, shape.for);
  if (loop === undefined) return NOTHING;
  const compiled = compileLoop(loopPlace, loop, loopPlace.inParallel(true));
  return { ...common, work: { kind: "for", loop: compiled } };
}

function compileBranch(context: CompileContext, entry: Record<string, unknown>): Block {
  const [name = "", body] = Object.entries(entry)[0] ?? [];
  const step = compileStep(context.at(name).inStep(name), name, body);
  return { steps: [step], positions: new Map([[name, 0]]) };
}

function compileTry(context: CompileContext, shape: StepShape): TryAction {
  const except =
    shape.except === undefined ? undefined : context.at("except").parse(ExceptSchema, shape.except);
  return {
    kind: "try",
    body: compileStep(context.at("try"), context.step, shape.try),
    retry: shape.retry === undefined ? undefined : compileRetry(context.at("retry"), shape.retry),
    except:
      except === undefined
        ? undefined
        : {
            variable: except.as,
            block: compileBlock(context.at("except", "steps"), except.steps),
          },
  };
}
