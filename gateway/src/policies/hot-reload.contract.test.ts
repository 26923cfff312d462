import { Agent, request as httpRequest } from "node:http";
import { afterEach, expect, test, vi } from "vitest";
import { HOST, ProxyRig } from "../testing/proxy-rig.ts";
import { eventually } from "../testing/test-gateway.ts";

const VERSIONS = 50;
const CLIENTS = 8;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** Signs request and response in both phases, so that a mixture of two versions shows. */
function signing(version: number) {
  const source = `function on_request(req)
    req:set_header("x-version", "${version}")
    resp:set_header("x-queued", "${version}")
  end
  function on_response(req, resp) resp:set_header("x-applied", "${version}") end`;
  return { name: "signing", kind: "request", version, source } as const;
}

interface Answer {
  readonly status: number;
  /** As the app saw it, as it was queued, as it was applied. */
  readonly versions: readonly unknown[];
}

function ask(agent: Agent, port: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { agent, port, host: "127.0.0.1", path: "/", headers: { host: HOST } };
    const request = httpRequest(options, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("error", reject);
      response.on("end", () => {
        const { "x-queued": queued, "x-applied": applied } = response.headers;
        resolve({ status: response.statusCode ?? 0, versions: [body, queued, applied] });
      });
    });
    request.on("error", reject);
    request.end();
  });
}

test("scripts replaced fifty times under load fail no request, and no response mixes two versions", async () => {
  const rig = await ProxyRig.start();
  cleanups.push(() => rig.stop());
  const app = await rig.httpReplica((request, response) => {
    // Long enough for a new version to arrive between both phases.
    setTimeout(() => response.end(request.headers["x-version"]), 3);
  });
  const { running } = rig;
  const { dataPlanes, port } = running.gateway;
  const put = (version: number) =>
    dataPlanes.update({ policies: { scripts: [signing(version)], disabled: new Set() } });
  put(1);
  running.setBackends({ first: [app.address] });
  const policies = [{ policy: "signing", config: {} }];
  running.setRoutes({ [HOST]: { policies } }, { project: "first" });
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  cleanups.push(() => agent.destroy());
  // The engine starts with the first policy in use.
  await vi.waitFor(async () => expect((await ask(agent, port)).versions[0]).toBe("1"), {
    timeout: 20_000,
  });

  const answers: Answer[] = [];
  const over = new AbortController();
  const load = Array.from({ length: CLIENTS }, async () => {
    const own: number[] = [];
    while (!over.signal.aborted) {
      const answer = await ask(agent, port);
      answers.push(answer);
      own.push(Number(answer.versions[0]));
    }
    return own;
  });
  for (let version = 1; version <= VERSIONS; version++) {
    put(version);
    await eventually(`version ${version} signs`, () =>
      answers.slice(-CLIENTS).some(({ versions }) => versions[0] === String(version)),
    );
  }
  over.abort();
  const byClient = await Promise.all(load);

  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  expect(answers.filter(({ versions }) => new Set(versions).size !== 1)).toEqual([]);
  for (const own of byClient) expect(own).toEqual(own.toSorted((a, b) => a - b));
  const seen = new Set(answers.map(({ versions }) => Number(versions[0])));
  expect([...seen].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: VERSIONS }, (_, at) => at + 1),
  );
});
