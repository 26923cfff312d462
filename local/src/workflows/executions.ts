/** Starts, lists and cancels executions; the running ones are journalled, the last finished ones kept in memory. */
import { setMaxListeners } from "node:events";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { ExecutionJournal } from "./execution-journal.ts";
import { Interpreter } from "./interpreter.ts";
import { LIMITS } from "./limits.ts";
import type { Program } from "./program.ts";
import type { EngineServices } from "./runner.ts";
import { toJsonText, valueFromJson } from "./value.ts";
import type { Value } from "./value.ts";
import type { StackFrame } from "./workflow-error.ts";
import { ExecutionCancelled, messageText, raised, WorkflowError } from "./workflow-error.ts";

/** Finished executions that can still be read; older ones are forgotten, as all are after a restart. */
export const FINISHED_KEPT = 2_000;

export type ExecutionState = "ACTIVE" | "SUCCEEDED" | "FAILED" | "CANCELLED";

export interface ExecutionError {
  /** JSON of the value that was raised. */
  readonly payload: string;
  /** One line for people: the message and where it was raised. */
  readonly context: string;
  readonly stackTrace: readonly StackFrame[];
}

export interface Execution {
  readonly name: string;
  readonly workflowId: string;
  readonly executionId: string;
  readonly revisionId: string;
  /** JSON text; empty without one. */
  readonly argument: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly state: ExecutionState;
  /** JSON text of what main returned. */
  readonly result: string | undefined;
  readonly error: ExecutionError | undefined;
  readonly currentStep: { readonly routine: string; readonly step: string };
  readonly steps: number;
}

export interface Workflow {
  readonly workflowId: string;
  readonly source: string;
  readonly serviceAccount: string;
  readonly program: Program;
  readonly revisionId: string;
  readonly createdAt: number;
}

interface Entry {
  readonly order: number;
  readonly workflow: Workflow;
  readonly name: string;
  readonly executionId: string;
  readonly argument: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly startedAt: number;
  readonly cancel: AbortController;
  readonly interpreter: Interpreter;
  readonly ended: Ending;
  endedAt: number | undefined;
  state: ExecutionState;
  result: string | undefined;
  error: ExecutionError | undefined;
}

type Given = Pick<Entry, "executionId" | "argument" | "labels">;

/** Lets others wait for the end of an execution. */
class Ending {
  readonly promise: Promise<void>;
  #resolve: (() => void) | undefined;

  constructor() {
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  reached(): void {
    this.#resolve?.();
  }
}

export interface ExecutionsOptions {
  readonly services: EngineServices;
  readonly projectId: string;
  readonly location: string;
  /** User environment variables, for `sys.get_env`. */
  readonly env: Readonly<Record<string, string>>;
  readonly workflows: ReadonlyMap<string, Workflow>;
  /** null = executions end with the process. */
  readonly journal: ExecutionJournal | null;
}

export class Executions {
  readonly #options: ExecutionsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #finished: string[] = [];
  readonly #ended = { SUCCEEDED: 0, FAILED: 0, CANCELLED: 0 };
  #active = 0;
  #started = 0;
  #isStopping = false;

  constructor(options: ExecutionsOptions) {
    this.#options = options;
  }

  /** Counts since the start of the process. */
  get counts(): Readonly<Record<"active" | "succeeded" | "failed" | "cancelled", number>> {
    return {
      active: this.#active,
      succeeded: this.#ended.SUCCEEDED,
      failed: this.#ended.FAILED,
      cancelled: this.#ended.CANCELLED,
    };
  }

  /**
   * Starts an execution and answers it while it runs.
   * @throws BifrostError `not-found` for the workflow, `bad-request` for an argument that is not JSON,
   * `body-too-large` for one over 32 KB.
   */
  start(workflowId: string, argument: string, labels: Readonly<Record<string, string>>): Execution {
    const workflow = this.#options.workflows.get(workflowId);
    if (workflow === undefined) {
      throw new BifrostError("not-found", `there is no workflow "${workflowId}"`, { workflowId });
    }
    const value = parseArgument(argument);
    const executionId = this.#options.services.newId();
    this.#options.journal?.begin({ workflowId, executionId, argument, labels });
    return describe(this.#launch(workflow, { executionId, argument, labels }, value));
  }

  /**
   * Runs what an earlier process left unfinished again, each under its old id but from its first step: what the
   * steps call must be idempotent. Returns how many.
   */
  resume(): number {
    const { journal, workflows, services } = this.#options;
    let resumed = 0;
    for (const begun of journal?.interrupted ?? []) {
      const { workflowId, executionId } = begun;
      const workflow = workflows.get(workflowId);
      if (workflow === undefined) {
        services.log.error("workflow of an execution is gone", { workflowId, executionId });
        journal?.end(executionId);
        continue;
      }
      this.#launch(workflow, begun, parseArgument(begun.argument));
      resumed += 1;
    }
    return resumed;
  }

  get(workflowId: string, executionId: string): Execution | undefined {
    const entry = this.#entries.get(executionId);
    return entry?.workflow.workflowId === workflowId ? describe(entry) : undefined;
  }

  /** Newest first. */
  list(workflowId: string): Execution[] {
    return [...this.#entries.values()]
      .filter((entry) => entry.workflow.workflowId === workflowId)
      .toSorted((a, b) => b.order - a.order)
      .map(describe);
  }

  /**
   * Ends a running execution as CANCELLED; resolves when it has ended.
   * @throws BifrostError `not-found`; `precondition-failed` when it had ended already.
   */
  async cancel(workflowId: string, executionId: string): Promise<Execution> {
    const entry = this.#entries.get(executionId);
    if (entry?.workflow.workflowId !== workflowId) {
      throw new BifrostError("not-found", `there is no execution "${executionId}"`);
    }
    if (entry.state !== "ACTIVE") {
      const message = `the execution has ended as ${entry.state} and cannot be cancelled`;
      throw new BifrostError("precondition-failed", message, { executionId, state: entry.state });
    }
    entry.cancel.abort();
    await entry.ended.promise;
    return describe(entry);
  }

  /** Stops everything that runs and waits for it to end; the next process takes it up again. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const running = [...this.#entries.values()].filter((entry) => entry.state === "ACTIVE");
    for (const entry of running) entry.cancel.abort();
    await Promise.all(running.map((entry) => entry.ended.promise));
    this.#options.journal?.close();
  }

  #launch(workflow: Workflow, given: Given, value: Value): Entry {
    const { services, projectId, location } = this.#options;
    const { executionId, argument, labels } = given;
    const { workflowId, serviceAccount } = workflow;
    const parent = `projects/${projectId}/locations/${location}/workflows/${workflowId}`;
    const name = `${parent}/executions/${executionId}`;
    const cancel = new AbortController();
    // Each parallel branch that waits listens for the cancellation.
    setMaxListeners(0, cancel.signal);
    const interpreter = new Interpreter({
      program: workflow.program,
      facts: { name, executionId, workflowId, serviceAccount },
      services,
      signal: cancel.signal,
      env: {
        ...this.#options.env,
        GOOGLE_CLOUD_PROJECT_ID: projectId,
        GOOGLE_CLOUD_LOCATION: location,
        GOOGLE_CLOUD_WORKFLOW_ID: workflowId,
        GOOGLE_CLOUD_WORKFLOW_EXECUTION_ID: executionId,
        GOOGLE_CLOUD_WORKFLOW_REVISION_ID: workflow.revisionId,
      },
    });
    this.#started += 1;
    const startedAt = services.timers.now();
    const ended = new Ending();
    const entry: Entry = {
      order: this.#started,
      workflow,
      name,
      executionId,
      argument,
      labels,
      startedAt,
      cancel,
      interpreter,
      ended,
      endedAt: undefined,
      state: "ACTIVE",
      result: undefined,
      error: undefined,
    };
    this.#entries.set(executionId, entry);
    this.#active += 1;
    void this.#drive(entry, value).finally(() => ended.reached());
    return entry;
  }

  async #drive(entry: Entry, argument: Value): Promise<void> {
    try {
      const result = await entry.interpreter.run(argument);
      entry.result = toJsonText(result);
      this.#end(entry, "SUCCEEDED");
    } catch (error) {
      if (error instanceof ExecutionCancelled) {
        this.#end(entry, "CANCELLED");
        return;
      }
      if (!(error instanceof WorkflowError)) {
        const fields = { execution: entry.name, cause: messageText(error) };
        this.#options.services.log.error("workflow engine failed", fields);
      }
      entry.error = describeError(error);
      this.#end(entry, "FAILED");
    }
  }

  #end(entry: Entry, state: "SUCCEEDED" | "FAILED" | "CANCELLED"): void {
    const { services, journal } = this.#options;
    if (!this.#isStopping) journal?.end(entry.executionId);
    entry.state = state;
    entry.endedAt = services.timers.now();
    services.callbacks.closeAll(entry.name);
    this.#active -= 1;
    this.#ended[state] += 1;
    this.#finished.push(entry.executionId);
    const forgotten = this.#finished.length > FINISHED_KEPT ? this.#finished.shift() : undefined;
    if (forgotten !== undefined) this.#entries.delete(forgotten);
    services.log.info("workflow execution ended", {
      execution: entry.name,
      state,
      steps: entry.interpreter.steps,
      ms: entry.endedAt - entry.startedAt,
    });
  }
}

function parseArgument(argument: string): Value {
  const bytes = Buffer.byteLength(argument);
  if (bytes > LIMITS.argumentBytes) {
    const message = `the argument has ${bytes} bytes; ${LIMITS.argumentBytes} are allowed`;
    throw new BifrostError("body-too-large", message, { bytes });
  }
  if (argument === "") return null;
  try {
    return valueFromJson(JSON.parse(argument));
  } catch (error) {
    throw new BifrostError("bad-request", `the argument is not JSON: ${messageText(error)}`);
  }
}

function describe(entry: Entry): Execution {
  const { workflow, interpreter } = entry;
  return {
    name: entry.name,
    workflowId: workflow.workflowId,
    executionId: entry.executionId,
    revisionId: workflow.revisionId,
    argument: entry.argument,
    labels: entry.labels,
    startedAt: entry.startedAt,
    endedAt: entry.endedAt,
    state: entry.state,
    result: entry.result,
    error: entry.error,
    currentStep: interpreter.current,
    steps: interpreter.steps,
  };
}

function describeError(error: unknown): ExecutionError {
  const known = error instanceof WorkflowError ? error : raised("SystemError", messageText(error));
  const [origin] = known.stackTrace;
  const where =
    origin === undefined
      ? ""
      : `\nin step "${origin.step}", routine "${origin.routine}", line: ${origin.line}`;
  return {
    payload: toJsonText(known.value),
    context: `RuntimeError: ${JSON.stringify(known.message)}${where}`,
    stackTrace: known.stackTrace,
  };
}
