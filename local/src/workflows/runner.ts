/** What a step needs from the execution it runs in; implemented by `interpreter.ts`, used by every step kind. */
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Timers } from "@bifrost/shared/domain/time";
import type { CallbackEndpoints } from "./callback-endpoints.ts";
import type { Environment } from "./evaluate.ts";
import type { HttpClient } from "./http-client.ts";
import type { LibraryContext } from "./library/function.ts";
import { callByPosition } from "./library/standard-library.ts";
import type { Block, CallTarget, Program, Step } from "./program.ts";
import type { Scope } from "./scope.ts";
import type { Value } from "./value.ts";

/** How a step or block ended: undefined = go on with the next step. */
export type Outcome =
  | undefined
  | { readonly kind: "next"; readonly target: string }
  | { readonly kind: "return"; readonly value: Value };

/** The world outside an execution, injected once per engine. */
export interface EngineServices {
  readonly timers: Timers;
  readonly log: Logger;
  readonly http: Pick<HttpClient, "send">;
  readonly callbacks: CallbackEndpoints;
  newId(): string;
  /** Mints an OIDC identity token for the workflow's service account. */
  idToken(audience: string, serviceAccount: string): Promise<string>;
}

export interface ExecutionFacts {
  /** `projects/P/locations/L/workflows/W/executions/E`. */
  readonly name: string;
  readonly executionId: string;
  readonly workflowId: string;
  readonly serviceAccount: string;
}

export interface Runner {
  readonly facts: ExecutionFacts;
  readonly program: Program;
  readonly services: EngineServices;
  readonly library: LibraryContext;
  /** Aborted when the execution is cancelled. */
  readonly signal: AbortSignal;
  runBlock(block: Block, frame: Frame): Promise<Outcome>;
  runStep(step: Step, frame: Frame): Promise<Outcome>;
  /** Calls a routine or a function; `args` is a map by name or a list in order. */
  call(target: CallTarget, args: Value, frame: Frame): Promise<Value>;
  /** Waits in a way that a cancelled execution leaves at once. @throws ExecutionCancelled */
  sleep(seconds: number): Promise<void>;
}

/** One level of the call stack, seen from one scope. */
export class Frame implements Environment {
  readonly routine: string;
  readonly depth: number;
  readonly scope: Scope;
  readonly #library: LibraryContext;

  constructor(routine: string, depth: number, scope: Scope, library: LibraryContext) {
    this.routine = routine;
    this.depth = depth;
    this.scope = scope;
    this.#library = library;
  }

  within(scope: Scope): Frame {
    return new Frame(this.routine, this.depth, scope, this.#library);
  }

  read(name: string): Value {
    return this.scope.read(name);
  }

  callFunction(name: string, args: readonly Value[]): Value {
    return callByPosition(name, args, this.#library);
  }
}
