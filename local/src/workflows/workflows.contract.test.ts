import { createRequire } from "node:module";
import * as grpc from "@grpc/grpc-js";
import { ExecutionsClient } from "@google-cloud/workflows";
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import type { RunningWorkflows } from "./index.ts";
import { FakeFunctions, HAPPY_MOVES } from "./testing/fake-functions.ts";
import { LOCATION, PROJECT, startForTest } from "./testing/start-for-test.ts";

const WAITING = `
main:
  params: [args]
  steps:
    - open:
        call: events.create_callback_endpoint
        args: {http_callback_method: POST}
        result: callback
    - tell:
        call: http.post
        args:
          url: \${sys.get_env("LISTENER")}
          body: {url: '\${callback.url}'}
    - wait:
        call: events.await_callback
        args: {callback: '\${callback}', timeout: 30}
        result: delivery
    - done: {return: '\${delivery.http_request.body.answer + args.n}'}
`;
const FAILING = `
main:
  steps:
    - ok: {assign: [{a: 1}]}
    - bad: {raise: {code: 7, message: broken}}
`;
const SLEEPING = `
main:
  steps:
    - nap: {call: sys.sleep, args: {seconds: 3600}}
`;

const open: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

function clientOf(running: RunningWorkflows): ExecutionsClient {
  const gaxGrpc = createRequire(import.meta.url)("@grpc/grpc-js") as typeof grpc;
  const client = new ExecutionsClient({
    projectId: PROJECT,
    apiEndpoint: running.host,
    port: running.port,
    sslCreds: gaxGrpc.credentials.createInsecure(),
  });
  open.push(() => client.close());
  return client;
}

async function start(
  sources: Record<string, string>,
  overrides: Parameters<typeof startForTest>[1] = {},
): Promise<{ running: RunningWorkflows; client: ExecutionsClient }> {
  const running = await startForTest(sources, overrides);
  open.push(() => running.stop());
  return { running, client: clientOf(running) };
}

async function startFunctions(): Promise<FakeFunctions> {
  const functions = await FakeFunctions.start();
  open.push(() => functions.stop());
  return functions;
}

const parentOf = (id: string): string =>
  `projects/${PROJECT}/locations/${LOCATION}/workflows/${id}`;

async function finished(client: ExecutionsClient, name: string) {
  for (let tries = 0; tries < 1000; tries++) {
    const [execution] = await client.getExecution({ name });
    if (execution.state !== "ACTIVE") return execution;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("the execution did not end");
}

const yaml = (id: string): string =>
  readFileSync(new URL(`../../../workflows/${id}.yaml`, import.meta.url), "utf8");

describe("the stock ExecutionsClient", () => {
  test("runs deployment.yaml from queued to healthy", async () => {
    const functions = await startFunctions();
    const { client, running } = await start(
      { deployment: yaml("deployment") },
      { env: { FUNCTIONS_URL: functions.url } },
    );
    const [created] = await client.createExecution({
      parent: parentOf("deployment"),
      execution: { argument: JSON.stringify({ deploymentId: "d1", attempt: 1 }) },
    });
    expect(created.state).toBe("ACTIVE");
    const ended = await finished(client, created.name ?? "");
    expect(ended.error?.context ?? "").toBe("");
    expect(ended).toMatchObject({ state: "SUCCEEDED", result: '{"outcome":"healthy"}' });
    expect(Number(ended.endTime?.seconds)).toBeGreaterThanOrEqual(Number(ended.startTime?.seconds));
    expect(functions.moves).toEqual(HAPPY_MOVES);
    expect(functions.calls[0]?.authorization).toBe(
      `Bearer token:deployment@${PROJECT}.iam.gserviceaccount.com:${functions.url}/validate`,
    );
    expect(functions.calls[0]?.body["execution"]).toBe(created.name?.split("/").at(-1));
    expect(running.info()).toMatchObject({ active: 0, succeeded: 1, failed: 0, cancelled: 0 });
  });
});
