/** Policies in real worker processes: what one does wrong stays in one process, and all know what one knows. */
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { PolicyScript } from "@bifrost/shared/domain/policy";
import { ClusterRig, isAlive, WAIT_MS } from "../testing/cluster-rig.ts";
import { HOST } from "../testing/proxy-rig.ts";
import { eventually, rawClient, type RawClient } from "../testing/test-gateway.ts";

let rig: ClusterRig;
beforeAll(async () => {
  rig = await ClusterRig.build("testing/hanging-worker");
});
afterEach(() => rig.stop());
afterAll(() => rig.close());

function script(name: string, source: string, version = 1): PolicyScript {
  return { name, kind: "request", version, source };
}

/** HOST obeys this policy; resolves when the workers do. */
function attach(policy: PolicyScript): void {
  const { gateway } = rig.gateway;
  gateway.dataPlanes.update({ policies: { scripts: [policy], disabled: new Set() } });
  rig.gateway.setRoutes(
    { [HOST]: { policies: [{ policy: policy.name, config: {} }] } },
    { project: "first" },
  );
}

interface Described {
  readonly name: string;
  readonly state: string;
  readonly usedBy: readonly string[];
  readonly lastFault: { readonly kind: string } | null;
}

async function policies(): Promise<readonly Described[]> {
  const answer = await (await rig.gateway.control("/policies")).json();
  return (answer as { policies: readonly Described[] }).policies;
}

const ASK = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;

/** The text of one more answer over the connection. */
async function askOnce(client: RawClient): Promise<string> {
  const before = client.text().length;
  client.send(ASK);
  const text = await client.until((all) => isWhole(all.slice(before)));
  return text.slice(before);
}

function isWhole(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text)?.[1];
  return end >= 0 && text.length >= end + 4 + Number(length);
}

/** One connection to each of the two workers, told apart by what they answer. */
async function toEachWorker(): Promise<readonly [RawClient, RawClient]> {
  const clients = new Map<string, RawClient>();
  while (clients.size < 2) {
    const client = await rawClient(rig.port);
    const answer = await askOnce(client);
    const name = answer.slice(answer.indexOf("\r\n\r\n") + 4);
    if (!answer.startsWith("HTTP/1.1 200 ") || clients.has(name)) client.socket.destroy();
    else clients.set(name, client);
  }
  return [...clients.values()] as [RawClient, RawClient];
}

test("a script that native code does not let go of costs its worker alone: it is named, disabled everywhere, and a new worker serves", async () => {
  await rig.start();
  attach(script("hangs", "", 7));
  await rig.load();
  const former = await rig.pids();
  const victim = connect({ port: rig.port, host: "127.0.0.1" });
  const ended = new Promise<void>((resolve) => victim.once("close", () => resolve()));
  victim.on("error", () => undefined);
  victim.write(`GET /hang HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  await eventually("one is gone", () => former.some((pid) => !isAlive(pid)), WAIT_MS);
  await ended;
  await rig.untilReplaced(former);
  await rig.untilAnswered(300);
  await rig.stopLoad();
  expect(new Set(rig.lost.map(({ process: by }) => by)).size).toBeLessThanOrEqual(1);
  expect(former.filter(isAlive)).toHaveLength(1);
  expect(await policies()).toMatchObject([
    { name: "hangs", version: 7, state: "disabled", usedBy: [HOST], lastFault: { kind: "stuck" } },
  ]);
  expect(await rig.metrics()).toContain('bifrost_policy_disabled{script="hangs@7"} 1\n');
  // It runs nowhere any more: the request that hung is answered by both.
  for (const client of await toEachWorker()) {
    client.send(`GET /hang HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    await client.until((text) => text.split("HTTP/1.1 200 ").length === 3);
    client.socket.destroy();
  }
});

/** How many of its requests were let through before. */
async function untilRefused(client: RawClient): Promise<number> {
  for (let allowed = 0; ;) {
    const answer = await askOnce(client);
    if (answer.startsWith("HTTP/1.1 429 ")) return allowed;
    if (answer.startsWith("HTTP/1.1 200 ")) allowed++;
  }
}

test("what limit() spends in one worker is spent in the others", async () => {
  const burst = 1000;
  await rig.start();
  const [one, other] = await toEachWorker();
  attach(
    script(
      "limited",
      `function on_request(req)
        if not limit("all", 0.001, ${burst}) then return deny(429, "no more") end
      end`,
    ),
  );
  expect(await untilRefused(one)).toBeGreaterThanOrEqual(burst);
  expect(await untilRefused(other)).toBeLessThan(burst / 2);
  one.socket.destroy();
  other.socket.destroy();
});

/** How many of its requests the policy let through before it refused one. */
async function letThrough(client: RawClient): Promise<number> {
  for (let allowed = 0; ;) {
    const answer = await askOnce(client);
    if (answer.startsWith("HTTP/1.1 429 ")) return allowed;
    if (/\r\nx-limited: yes\r\n/.test(answer)) allowed++;
  }
}

test("requests wait for what strict limits of other processes have left, and no token is given twice", async () => {
  const burst = 200;
  await rig.start();
  const clients = await toEachWorker();
  attach(
    script(
      "strict",
      `function on_request(req)
        resp:set_header("x-limited", "yes")
        if not limit("all", 0.001, ${burst}, "strict") then return deny(429, "no more") end
      end`,
    ),
  );
  const [one = 0, other = 0] = await Promise.all(clients.map(letThrough));
  expect(one + other).toBeLessThanOrEqual(burst);
  // What one of them had left when the other was refused is not lost, but nobody asks for it here.
  expect(one + other).toBeGreaterThan(burst / 2);
  for (const client of clients) client.socket.destroy();
  await vi.waitFor(
    async () => expect(await rig.metrics()).toMatch(/^bifrost_proxy_waited_total [1-9]/m),
    { timeout: WAIT_MS },
  );
});

test("a script's log, its failure and its calls are known to the parent, and its requests are refused", async () => {
  await rig.start();
  const client = (await toEachWorker())[0];
  attach(script("talks", `function on_request(req) log("saw", req.path) error("no") end`));
  let answer = "";
  while (!answer.startsWith("HTTP/1.1 500 ")) answer = await askOnce(client);
  while ((await policies())[0]?.lastFault === null) answer = await askOnce(client);
  expect(answer).toMatch(/^HTTP\/1.1 500 /);
  expect(rig.logged).toContainEqual({ script: "talks", version: 1, text: "saw /" });
  const [described] = await policies();
  expect(described).toMatchObject({ lastFault: { kind: "error", line: 1, message: "no" } });
  await eventually("calls are counted", () => rig.callsOf("talks@1") > 0, WAIT_MS);
  client.socket.destroy();
});
