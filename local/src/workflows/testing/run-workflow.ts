/** Runs a workflow text in the engine alone, in virtual time, without any port. */
import { silentLogger } from "@bifrost/shared/ports/logger";
import type { Logger } from "@bifrost/shared/ports/logger";
import { CallbackEndpoints } from "../callback-endpoints.ts";
import { describeProblem, readDefinition } from "../definition.ts";
import type { Execution } from "../executions.ts";
import { Executions } from "../executions.ts";
import type { HttpRequest, HttpResponse } from "../http-client.ts";
import { HttpClient } from "../http-client.ts";
import { VirtualTimers } from "./virtual-timers.ts";

export interface TestEngine {
  readonly executions: Executions;
  readonly timers: VirtualTimers;
  readonly callbacks: CallbackEndpoints;
  /** Starts the workflow and answers its end. */
  run(argument?: unknown): Promise<Execution>;
  start(argument?: unknown): Execution;
  ended(execution: Execution): Promise<Execution>;
}

export interface TestEngineOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly log?: Logger;
}

export function createEngine(source: string, options: TestEngineOptions = {}): TestEngine {
  const result = readDefinition(source);
  if (!result.ok) throw new Error(result.problems.map(describeProblem).join("\n"));
  const timers = new VirtualTimers();
  const client = new HttpClient(timers);
  let inFlight = 0;
  const http = {
    async send(request: HttpRequest): Promise<HttpResponse> {
      inFlight += 1;
      return client.send(request).finally(() => (inFlight -= 1));
    },
  };
  // Time stands still while a request is on a real socket.
  const idle = (): boolean => inFlight === 0;
  const callbacks = new CallbackEndpoints(timers, () => "http://127.0.0.1:1");
  let ids = 0;
  const workflow = {
    workflowId: "w",
    source,
    serviceAccount: "w@p.iam.gserviceaccount.com",
    program: result.program,
    revisionId: "000001-abc",
    createdAt: 0,
  };
  const executions = new Executions({
    projectId: "p",
    location: "l",
    env: options.env ?? {},
    workflows: new Map([["w", workflow]]),
    journal: null,
    services: {
      timers,
      callbacks,
      log: options.log ?? silentLogger,
      http,
      newId: () => `id-${++ids}`,
      idToken: (audience) => Promise.resolve(`token-for-${audience}`),
    },
  });
  const current = (execution: Execution): Execution => {
    const found = executions.get("w", execution.executionId);
    if (found === undefined) throw new Error("the execution is gone");
    return found;
  };
  const untilEnd = async (execution: Execution): Promise<Execution> => {
    while (current(execution).state === "ACTIVE") {
      await new Promise((resolve) => setImmediate(resolve));
    }
    return current(execution);
  };
  const start = (argument?: unknown): Execution =>
    executions.start("w", argument === undefined ? "" : JSON.stringify(argument), {});
  return {
    executions,
    timers,
    callbacks,
    start,
    ended: (execution) => timers.run(untilEnd(execution), idle),
    run: (argument) => timers.run(untilEnd(start(argument)), idle),
  };
}

/** What a workflow returns; throws with the error's payload when it failed. */
export async function resultOf(source: string, argument?: unknown): Promise<unknown> {
  const ended = await createEngine(source).run(argument);
  if (ended.state !== "SUCCEEDED") throw new Error(`${ended.state}: ${ended.error?.payload}`);
  return JSON.parse(ended.result ?? "null");
}

/** The value a workflow failed with. */
export async function failureOf(source: string, argument?: unknown): Promise<unknown> {
  const ended = await createEngine(source).run(argument);
  if (ended.state !== "FAILED") throw new Error(`${ended.state}: ${ended.result}`);
  return JSON.parse(ended.error?.payload ?? "null");
}
