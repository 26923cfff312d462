/** Rule-checked durable REST commits per second with 20 writers: `npx tsx local/src/firestore/bench/commit-rate.ts`. */
import { Agent, request } from "node:http";
import {
  fakeRules,
  ROOT,
  startTestFirestore,
  temporaryDirectory,
} from "../testing/firestore-fixture.ts";

const WRITERS = 20;
const SECONDS = 5;

const directory = temporaryDirectory();
const server = await startTestFirestore({
  dataDir: directory.path,
  rules: fakeRules((r) => r.auth !== null),
});
const agent = new Agent({ keepAlive: true, maxSockets: WRITERS });
const path = `/v1/${ROOT}:commit`;

function post(body: object): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: "Bearer user-bench", "content-type": "application/json" };
    const call = request({
      agent,
      host: "127.0.0.1",
      port: server.port,
      method: "POST",
      path,
      headers,
    });
    call.on("response", (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
    call.on("error", reject);
    call.end(JSON.stringify(body));
  });
}

function move(writer: number, turn: number): object {
  const deployment = `${ROOT}/deployments/w${writer}`;
  const update = {
    name: deployment,
    fields: { state: { stringValue: `s${turn}` }, seq: { integerValue: String(turn) } },
  };
  const at = { fieldPath: "at", setToServerValue: "REQUEST_TIME" };
  return {
    writes: [
      { update, updateMask: { fieldPaths: ["state", "seq"] }, updateTransforms: [at] },
      {
        update: { name: `${deployment}/transitions/${turn}`, fields: { to: update.fields.state } },
        updateTransforms: [at],
        currentDocument: { exists: false },
      },
    ],
  };
}

const latencies: number[] = [];
const end = performance.now() + SECONDS * 1000;
async function writeUntilEnd(writer: number): Promise<void> {
  for (let turn = 0; performance.now() < end; turn += 1) {
    const start = performance.now();
    const status = await post(move(writer, turn));
    if (status !== 200) throw new Error(`status ${status}`);
    latencies.push(performance.now() - start);
  }
}
await Promise.all(Array.from({ length: WRITERS }, (_, writer) => writeUntilEnd(writer)));
const sorted = latencies.toSorted((a, b) => a - b);
const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1);
console.log(
  `${Math.round(latencies.length / SECONDS)} commits/s, ${Number(server.info()["syncs"])} syncs for ` +
    `${latencies.length} commits, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
);
agent.destroy();
await server.stop();
directory.remove();
