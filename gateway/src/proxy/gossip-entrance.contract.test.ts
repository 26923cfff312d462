/** What other nodes say comes in with the apps' traffic: it goes to the gossip process and nowhere else. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GOSSIP_TARGETS } from "../gossip/https/node-url.ts";
import { UNTOUCHED } from "../policies/policy-chain.ts";
import { PlaneRig } from "../testing/plane-rig.ts";
import { HOST } from "../testing/proxy-rig.ts";
import { TestReplicas, type TestReplica } from "../testing/test-replicas.ts";

const [PACKETS = ""] = GOSSIP_TARGETS;
/** A second host of the same app: the deployment's own. */
const PREVIEW = "first.test.local";

const processes = new TestReplicas();
let gossip: TestReplica;
let rig: PlaneRig;
/** Of requests, in their order. */
let seenByPolicy: string[];
let connections: Set<unknown>;

beforeEach(async () => {
  seenByPolicy = [];
  connections = new Set();
  gossip = await processes.http((request, response) => {
    connections.add(request.socket);
    answerAs("gossip", request, response);
  });
  rig = await PlaneRig.start({
    // The worst case: an app is served at the node's own host.
    gossip: { host: HOST, targets: GOSSIP_TARGETS, address: gossip.address },
    limits: { maxBodyBytes: 10_000 },
    chainOf: () => ({
      hasResponsePhase: false,
      onRequest(view) {
        seenByPolicy.push(view.target);
        return UNTOUCHED;
      },
      onResponse: () => null,
    }),
  });
  rig.serve(await rig.replicas.http((...args) => answerAs("app", ...args)));
});
afterEach(async () => {
  await rig.stop();
  processes.close();
});

/** Who it is, and how much it was sent. */
function answerAs(who: string, request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0;
  request.on("data", (part: Buffer) => (bytes += part.length));
  request.on("end", () => response.end(`${who} got ${bytes} of ${request.url}`));
}

function post(target: string, { host = HOST, body = "" } = {}): string {
  return `POST ${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

async function answerTo(request: string): Promise<string> {
  const client = await rig.client();
  client.send(request);
  const answer = await client.until(isWhole);
  client.socket.destroy();
  return answer;
}

function isWhole(text: string): boolean {
  const [head = "", body] = text.split("\r\n\r\n");
  return body?.length === Number(/^content-length: (\d+)/im.exec(head)?.[1]);
}

test.each([
  ["as nodes write it", post(PACKETS)],
  ["of the other kind", post("/_bifrost/gossip/request")],
  ["in whatever case and with a port", post(PACKETS, { host: `${HOST.toUpperCase()}:8443` })],
  ["with the whole URL as its target", post(`http://${HOST}${PACKETS}`, { host: "elsewhere" })],
  ["with another method", `GET ${PACKETS} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`],
])("a request of a node, %s, is the gossip process's alone", async (_, request) => {
  expect(await answerTo(request)).toMatch(/\r\n\r\ngossip got 0 of \/_bifrost\/gossip\//);
  expect(seenByPolicy).toEqual([]);
});

test.each([
  ["at another host", post(PACKETS, { host: PREVIEW })],
  ["at another host of that URL", post(`http://${PREVIEW}${PACKETS}`)],
  ["with a query", post(`${PACKETS}?a`)],
  ["above it", post("/_bifrost/gossip")],
  ["below it", post(`${PACKETS}/`)],
  ["with an escape", post("/_bifrost/gossip/%70ackets")],
  ["with an empty segment", post(`/${PACKETS}`)],
  ["in another case", post(PACKETS.toUpperCase())],
])("a request that only looks like one, %s, is the app's", async (_, request) => {
  expect(await answerTo(request)).toMatch(/\r\n\r\napp got 0 of /);
  expect(seenByPolicy).toHaveLength(1);
});

test("nothing of it is told as traffic, and the next request on the connection is", async () => {
  const client = await rig.client();
  client.send(post(PACKETS, { body: "x".repeat(5000) }) + post("/own"));
  const answers = await client.until((text) => text.endsWith("of /own"));
  expect(answers).toContain(`gossip got 5000 of ${PACKETS}`);
  expect(await rig.record()).toMatchObject({ target: "/own", status: 200 });
  expect(rig.served).toHaveLength(1);
  expect(rig.listener.metrics).toMatchObject({ requests: 2, forwarded: 1, pages: 0 });
});

test("requests of nodes go over one kept connection, whatever becomes of the replicas", async () => {
  await answerTo(post(PACKETS));
  rig.serve();
  await answerTo(post(PACKETS));
  expect(connections.size).toBe(1);
});

test.each([
  ["declared", `POST ${PACKETS} HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 10001\r\n\r\n`],
  [
    "sent in chunks",
    `POST ${PACKETS} HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n2711\r\n${"x".repeat(10_001)}`,
  ],
])("a body over the proxy's limit, %s, is refused here", async (_, request) => {
  expect(await answerTo(request)).toMatch(/^HTTP\/1\.1 413 /);
});

test("while the gossip process is away the answer is the gateway's, never an app's", async () => {
  processes.close();
  expect(await answerTo(post(PACKETS))).toMatch(/^HTTP\/1\.1 502 /);
  expect(seenByPolicy).toEqual([]);
  expect(rig.served).toEqual([]);
});
