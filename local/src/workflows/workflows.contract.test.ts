import { createRequire } from "node:module";
import type * as grpc from "@grpc/grpc-js";
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

function verifyIdToken(token: string): Promise<void> {
  return token === "good" ? Promise.resolve() : Promise.reject(new Error("bad token"));
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

  test("reads the argument, waits for a callback over HTTP and answers the result", async () => {
    const functions = await startFunctions();
    const { client } = await start(
      { w: WAITING },
      { env: { LISTENER: `${functions.url}/listen` } },
    );
    functions.script("listen", () => ({ status: 200, body: {} }));
    const [created] = await client.createExecution({
      parent: parentOf("w"),
      execution: { argument: '{"n": 2}', labels: { team: "a" } },
    });
    const url = await callbackUrl(functions);
    expect(url).toContain(`/v1/${created.name}/callbacks/`);
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"answer": 40}',
    });
    expect(answer.status).toBe(200);
    const ended = await finished(client, created.name ?? "");
    expect(ended).toMatchObject({ state: "SUCCEEDED", result: "42", labels: { team: "a" } });
    expect((await fetch(url, { method: "POST" })).status).toBe(404);
  });

  test("a callback needs a token that the verifier accepts", async () => {
    const functions = await startFunctions();
    functions.script("listen", () => ({ status: 200, body: {} }));
    const { client } = await start(
      { w: WAITING },
      { env: { LISTENER: `${functions.url}/listen` }, verifyIdToken },
    );
    const [created] = await client.createExecution({
      parent: parentOf("w"),
      execution: { argument: '{"n": 1}' },
    });
    const url = await callbackUrl(functions);
    const send = (headers: Record<string, string>): Promise<Response> =>
      fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: '{"answer": 1}',
      });
    expect((await send({})).status).toBe(401);
    expect((await send({ authorization: "Bearer bad" })).status).toBe(401);
    expect((await send({ authorization: "Bearer good" })).status).toBe(200);
    expect(await finished(client, created.name ?? "")).toMatchObject({ result: "2" });
  });

  test("a failed execution carries payload, context and stack trace", async () => {
    const { client } = await start({ f: FAILING });
    const [created] = await client.createExecution({ parent: parentOf("f"), execution: {} });
    const ended = await finished(client, created.name ?? "");
    expect(ended).toMatchObject({
      state: "FAILED",
      error: {
        payload: '{"code":7,"message":"broken"}',
        context: expect.stringContaining('in step "bad", routine "main", line: 5'),
        stackTrace: { elements: [{ step: "bad", routine: "main" }] },
      },
    });
  });

  test("lists newest first in pages, and cancels", async () => {
    const { client, running } = await start({ s: SLEEPING });
    const names: string[] = [];
    for (let n = 0; n < 3; n++) {
      const [created] = await client.createExecution({ parent: parentOf("s"), execution: {} });
      names.push(created.name ?? "");
    }
    const page = await client.listExecutions(
      { parent: parentOf("s"), pageSize: 2 },
      { autoPaginate: false },
    );
    expect(page[0].map((item) => item.name)).toEqual([names[2], names[1]]);
    const [all] = await client.listExecutions({ parent: parentOf("s") });
    expect(all.map((item) => item.name)).toEqual(names.toReversed());
    const [cancelled] = await client.cancelExecution({ name: names[0] ?? "" });
    expect(cancelled.state).toBe("CANCELLED");
    await expect(client.cancelExecution({ name: names[0] ?? "" })).rejects.toMatchObject({
      code: 9,
    });
    expect(running.info()).toMatchObject({ active: 2, cancelled: 1 });
    await running.stop();
    await running.stop();
    expect(running.info()).toMatchObject({ active: 0, cancelled: 3 });
  });

  test.each([
    ["an unknown workflow", () => parentOf("none"), "", 5],
    ["another project", () => parentOf("f").replace(PROJECT, "other"), "", 5],
    ["an argument that is not JSON", () => parentOf("f"), "{", 3],
    ["an argument over 32 KB", () => parentOf("f"), JSON.stringify("x".repeat(32_768)), 3],
  ])("%s is refused", async (_what, parent, argument, code) => {
    const { client } = await start({ f: FAILING });
    await expect(
      client.createExecution({ parent: parent(), execution: { argument } }),
    ).rejects.toMatchObject({ code });
  });

  test("an execution from before a restart is not found", async () => {
    const { client } = await start({ f: FAILING });
    await expect(
      client.getExecution({ name: `${parentOf("f")}/executions/old` }),
    ).rejects.toMatchObject({ code: 5 });
  });
});

async function callbackUrl(functions: FakeFunctions): Promise<string> {
  for (let tries = 0; tries < 500; tries++) {
    const url = functions.calls[0]?.body["url"];
    if (typeof url === "string") return url;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("the workflow did not announce its callback");
}

/** Calls a method of the Workflows service, for which the client package ships no client. */
function workflowsClient(running: RunningWorkflows) {
  const { Client, credentials } = createRequire(import.meta.url)("@grpc/grpc-js") as typeof grpc;
  const client = new Client(`127.0.0.1:${running.port}`, credentials.createInsecure());
  open.push(() => client.close());
  return (method: string, name: string): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      // Every request of the service starts with a string field 1: its name or parent.
      const request =
        name === "" ? Buffer.of() : Buffer.from([10, name.length, ...Buffer.from(name)]);
      client.makeUnaryRequest(
        `/google.cloud.workflows.v1.Workflows/${method}`,
        (value: Buffer) => value,
        (value: Buffer) => value,
        request,
        (error, value) => (error === null ? resolve(value ?? Buffer.of()) : reject(error)),
      );
    });
}

describe("the Workflows service", () => {
  test("reads and lists workflows", async () => {
    const { running } = await start({ f: FAILING, s: SLEEPING });
    const call = workflowsClient(running);
    expect((await call("GetWorkflow", parentOf("f"))).toString()).toContain("message: broken");
    const list = await call("ListWorkflows", `projects/${PROJECT}/locations/${LOCATION}`);
    expect(list.toString()).toContain(parentOf("s"));
  });

  test.each(["CreateWorkflow", "UpdateWorkflow", "DeleteWorkflow", "ListWorkflowRevisions"])(
    "%s is refused by name",
    async (method) => {
      const { running } = await start({ f: FAILING });
      await expect(workflowsClient(running)(method, "")).rejects.toMatchObject({
        code: 12,
        details: expect.stringContaining(method),
      });
    },
  );
});

test("other HTTP requests are refused by name", async () => {
  const { running } = await start({ f: FAILING });
  const answer = await fetch(`http://127.0.0.1:${running.port}/v1/${parentOf("f")}/executions`);
  expect(answer.status).toBe(501);
  expect(await answer.json()).toMatchObject({ error: { status: "UNIMPLEMENTED" } });
});

test("a definition with problems keeps the stand-in from starting, all of them named", async () => {
  await expect(start({ a: "main: {steps: [{x: {call: nope}}]}", b: "[]" })).rejects.toMatchObject({
    code: "bad-request",
    message: expect.stringMatching(/a: line 1: step "x" unknown function nope[^]*b: line/),
  });
});

test("a taken port is an error of its own", async () => {
  const { running } = await start({ f: FAILING });
  await expect(startForTest({ f: FAILING }, { port: running.port })).rejects.toMatchObject({
    code: "port-taken",
  });
});

test("200 executions at once all reach healthy", async () => {
  const functions = await startFunctions();
  functions.state = "healthy";
  const { running } = await start(
    { deployment: yaml("deployment") },
    { env: { FUNCTIONS_URL: functions.url } },
  );
  const argument = JSON.stringify({ deploymentId: "d", attempt: 1 });
  const started = Array.from({ length: 200 }, () =>
    running.executions.start("deployment", argument, {}),
  );
  const states = (): Set<string | undefined> =>
    new Set(started.map((item) => running.executions.get("deployment", item.executionId)?.state));
  for (let tries = 0; tries < 500 && states().has("ACTIVE"); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect([...states()]).toEqual(["SUCCEEDED"]);
});
