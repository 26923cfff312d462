/** Runs one execution of a program: counts steps, keeps the call stack, and ends when cancelled. */
import { LIMITS, MemoryMeter } from "./limits.ts";
import { runBlockingCall } from "./library/blocking-calls.ts";
import type { LibraryContext } from "./library/function.ts";
import { callByName } from "./library/standard-library.ts";
import type { Action, Block, CallTarget, Program, Routine, Step } from "./program.ts";
import type { EngineServices, ExecutionFacts, Outcome, Runner } from "./runner.ts";
import { Frame } from "./runner.ts";
import { Scope } from "./scope.ts";
import { runAssign } from "./steps/assign.ts";
import { runFor } from "./steps/for.ts";
import { runParallel } from "./steps/parallel.ts";
import { runSwitch } from "./steps/switch.ts";
import { runTry } from "./steps/try.ts";
import { NULL_TEMPLATE, render } from "./template.ts";
import type { Value } from "./value.ts";
import { isList, isMap, typeName } from "./value.ts";
import { ExecutionCancelled, raised, WorkflowError } from "./workflow-error.ts";
import { unreachable } from "./unreachable.ts";

export interface InterpreterOptions {
  readonly program: Program;
  readonly facts: ExecutionFacts;
  readonly services: EngineServices;
  /** What `sys.get_env` sees. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Longest single timer: setTimeout overflows beyond it. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Interpreter implements Runner {
  readonly facts: ExecutionFacts;
  readonly program: Program;
  readonly services: EngineServices;
  readonly library: LibraryContext;
  readonly signal: AbortSignal;
  readonly #meter = new MemoryMeter();
  readonly #startedAt: number;
  #steps = 0;
  #current = { routine: "main", step: "" };

  constructor(options: InterpreterOptions) {
    const { services } = options;
    this.facts = options.facts;
    this.program = options.program;
    this.services = services;
    this.signal = options.signal;
    this.library = {
      now: () => services.timers.now(),
      newId: () => services.newId(),
      env: options.env,
    };
    this.#startedAt = services.timers.now();
  }

  /** Steps taken so far. */
  get steps(): number {
    return this.#steps;
  }

  /** The step that runs now (the latest started, when branches run side by side). */
  get current(): { readonly routine: string; readonly step: string } {
    return this.#current;
  }

  /**
   * Runs `main` to its end and answers what it returns (null without a return).
   * @throws WorkflowError nothing caught; ExecutionCancelled when the signal was aborted.
   */
  async run(argument: Value): Promise<Value> {
    const main = this.program.routines.get("main");
    if (main === undefined) throw new Error("a program without main cannot have been compiled");
    const [parameter] = main.parameters;
    const args = parameter === undefined ? {} : { [parameter.name]: argument };
    return this.#routine(main, args, 0);
  }

  async runBlock(block: Block, frame: Frame): Promise<Outcome> {
    let at = 0;
    for (;;) {
      const step = block.steps[at];
      if (step === undefined) return undefined;
      const outcome = await this.runStep(step, frame);
      at += 1;
      if (outcome === undefined) continue;
      if (outcome.kind === "return") return outcome;
      const target = block.positions.get(outcome.target);
      if (target === undefined) return outcome;
      at = target;
    }
  }

  async runStep(step: Step, frame: Frame): Promise<Outcome> {
    this.#count(step, frame);
    try {
      const outcome = await this.#act(step.action, frame);
      if (outcome !== undefined) return outcome;
      return step.next === undefined ? undefined : { kind: "next", target: step.next };
    } catch (error) {
      if (error instanceof WorkflowError) {
        error.stackTrace.push({ step: step.name, routine: frame.routine, line: step.line });
      }
      throw error;
    }
  }

  async call(target: CallTarget, args: Value, frame: Frame): Promise<Value> {
    switch (target.kind) {
      case "routine": {
        const routine = this.program.routines.get(target.name);
        if (routine === undefined) throw raised("SystemError", `no routine ${target.name}`);
        return this.#routine(routine, args, frame.depth + 1);
      }
      case "function":
        return callByName(target.name, args, this.library);
      case "blocking":
        return runBlockingCall(target.name, args, this);
      default:
        return unreachable(target);
    }
  }

  async sleep(seconds: number): Promise<void> {
    let left = seconds * 1000;
    do {
      const part = Math.min(left, LONGEST_TIMER_MS);
      await this.#pause(part);
      left -= part;
    } while (left > 0);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancelled = (): void => {
        timer.cancel();
        reject(new ExecutionCancelled());
      };
      const timer = this.services.timers.after(ms, () => {
        this.signal.removeEventListener("abort", cancelled);
        resolve();
      });
      if (this.signal.aborted) cancelled();
      else this.signal.addEventListener("abort", cancelled, { once: true });
    });
  }

  async #act(action: Action, frame: Frame): Promise<Outcome> {
    switch (action.kind) {
      case "none":
        return undefined;
      case "assign":
        return runAssign(action.assignments, frame);
      case "call": {
        const value = await this.call(action.target, render(action.args, frame), frame);
        if (action.result !== undefined) frame.scope.write(action.result, value);
        return undefined;
      }
      case "switch":
        return runSwitch(action.cases, frame, this);
      case "for":
        return runFor(action.loop, frame, this);
      case "parallel":
        return runParallel(action, frame, this);
      case "try":
        return runTry(action, frame, this);
      case "block":
        return this.runBlock(action.block, frame);
      case "raise":
        throw new WorkflowError(render(action.error, frame));
      case "return":
        return { kind: "return", value: render(action.value, frame) };
      default:
        return unreachable(action);
    }
  }

  async #routine(routine: Routine, args: Value, depth: number): Promise<Value> {
    if (depth > LIMITS.callDepth) {
      throw raised("RecursionError", `calls nest at most ${LIMITS.callDepth} deep`);
    }
    const scope = Scope.root(this.#meter);
    const frame = new Frame(routine.name, depth, scope, this.library);
    try {
      bindArguments(routine, args, frame);
      const outcome = await this.runBlock(routine.block, frame);
      return outcome?.kind === "return" ? outcome.value : null;
    } finally {
      scope.release();
    }
  }

  #count(step: Step, frame: Frame): void {
    if (this.signal.aborted) throw new ExecutionCancelled();
    this.#steps += 1;
    this.#current = { routine: frame.routine, step: step.name };
    if (this.#steps > LIMITS.stepsPerExecution) {
      throw raised("ResourceLimitError", `more than ${LIMITS.stepsPerExecution} steps`);
    }
    if (this.services.timers.now() - this.#startedAt > LIMITS.executionSeconds * 1000) {
      throw raised("ResourceLimitError", "the execution is older than a year");
    }
  }
}

function bindArguments(routine: Routine, args: Value, frame: Frame): void {
  const byPosition = isList(args);
  if (!byPosition && !isMap(args) && args !== null) {
    throw raised("TypeError", `${routine.name}: args must be a map or a list`);
  }
  const given = (name: string, at: number): Value | undefined => {
    if (byPosition) return args[at];
    return isMap(args) && Object.hasOwn(args, name) ? args[name] : undefined;
  };
  for (const [at, parameter] of routine.parameters.entries()) {
    const value = given(parameter.name, at);
    if (value === undefined && parameter.fallback === undefined) {
      throw raised("TypeError", `${routine.name} needs "${parameter.name}"`);
    }
    frame.scope.declare(
      parameter.name,
      value ?? render(parameter.fallback ?? NULL_TEMPLATE, frame),
    );
  }
  refuseUnknown(routine, args);
}

function refuseUnknown(routine: Routine, args: Value): void {
  if (isList(args) && args.length > routine.parameters.length) {
    throw raised("TypeError", `${routine.name} takes ${routine.parameters.length} arguments`);
  }
  if (!isMap(args)) return;
  const known = new Set(routine.parameters.map((parameter) => parameter.name));
  const unknown = Object.keys(args).find((name) => !known.has(name));
  if (unknown !== undefined) {
    const found = typeName(args[unknown] ?? null);
    throw raised("TypeError", `${routine.name} has no parameter "${unknown}" (given: ${found})`);
  }
}
