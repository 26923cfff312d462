/**
 * The set-up of ops/compose without containers: three gateway programs that find each other through a server with Consul's
 * endpoints, configured through their control API in a real PostgreSQL, behind a real nginx.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { keyPair } from "@bifrost/gateway/gossip-config/testing/config-mesh";
import { ConsulServer } from "@bifrost/gateway/testing/consul-server";
import { ClusterNodeProgram, freePorts } from "@bifrost/gateway/testing/gateway-cluster";
import { GatewayPrograms } from "@bifrost/gateway/testing/gateway-program";
import { TEST_TOKEN } from "@bifrost/gateway/testing/test-gateway";
import { TestLine } from "@bifrost/shared/testing/test-line";
import { postgresPrograms, TestPostgres } from "@bifrost/shared/testing/test-postgres";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { ROOT } from "../support/folders.ts";
import { type RunningNginx, startNginx } from "../support/nginx.ts";
import { lacks } from "../support/processes.ts";

const WITHIN = { timeout: 30_000, interval: 20 } as const;
const NODES = ["bifrost-1", "bifrost-2", "bifrost-3"] as const;
type Name = (typeof NODES)[number];

const postgres = postgresPrograms();
const missing = postgres === null ? "postgresql is not installed" : lacks("nginx");

/** Newest first, for their ends. */
const opened: (() => unknown)[] = [];

function opens<T>(thing: T, close: (thing: T) => unknown): T {
  opened.unshift(() => close(thing));
  return thing;
}

interface Node {
  readonly name: Name;
  readonly gossipPort: number;
  /** To PostgreSQL. */
  readonly line: TestLine;
  readonly environment: Readonly<Record<string, string>>;
  program: ClusterNodeProgram;
}

let programs: GatewayPrograms;
let store: TestPostgres;
let app: Server;
let nginx: RunningNginx;
let nodes: readonly Node[];

beforeAll(async () => {
  if (postgres === null || missing !== null) return;
  programs = opens(await GatewayPrograms.build(), (one) => one.close());
  store = opens(await TestPostgres.start(postgres), (one) => one.stop());
  app = opens(
    createServer((asked, response) => response.end(`app: ${asked.url}`)),
    (one) => one.close(),
  );
  await once(app.listen(0, "127.0.0.1"), "listening");
  const [gossip, [consulPort = 0, nginxPort = 0, ...traffic]] = [
    await freePorts(NODES.length),
    await freePorts(2 + NODES.length),
  ];
  const consul = opens(new ConsulServer({ port: consulPort }), (one) => one.stop());
  await consul.start();
  const folder = opens(mkdtempSync(path.join(tmpdir(), "bifrost-whole-")), (one) =>
    rmSync(one, { recursive: true }),
  );
  const { privatePem } = keyPair();
  nodes = await Promise.all(
    NODES.map(async (name, index) => {
      const line = opens(await TestLine.to(store.port), (one) => one.close());
      const file = path.join(folder, `${name}.json`);
      const gossipPort = gossip[index] ?? 0;
      writeFileSync(file, fileOf({ name, gossipPort, consulPort, line }));
      const environment = {
        BIFROST_CONFIG: file,
        BIFROST_GOSSIP_KEYS: `1:${Buffer.alloc(32, 7).toString("base64")}`,
        BIFROST_CONFIG_SIGNING_KEY: privatePem.replaceAll("\n", String.raw`\n`),
        BIFROST_CONFIG_STORE_PASSWORD: store.password,
        BIFROST_GATEWAY_WORKERS: "1",
        BIFROST_GATEWAY_PORT: String(traffic[index]),
        BIFROST_TRUSTED_PROXIES: "127.0.0.0/8",
      };
      const program = new ClusterNodeProgram(name, gossipPort, await programs.start(environment));
      return { name, gossipPort, line, environment, program };
    }),
  );
  nginx = opens(await startNginx(nginxPort, traffic), (one) => one.stop());
}, 120_000);
beforeEach((context) => {
  if (missing !== null) context.skip(missing);
});
afterAll(async () => {
  const failures: unknown[] = [];
  for (const close of opened) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, "not everything was closed");
});

interface Place {
  readonly name: Name;
  readonly gossipPort: number;
  readonly consulPort: number;
  readonly line: TestLine;
}

/** The file that is shipped for Consul and PostgreSQL, with the places of this machine. */
function fileOf({ name, gossipPort, consulPort, line }: Place): string {
  const shipped = readFileSync(path.join(ROOT, "ops/compose/config/consul-postgres.json"), "utf8");
  const { cluster_config: cluster, config_store: database } = JSON.parse(shipped);
  Object.assign(cluster, { node_id: name, bind_address: "127.0.0.1" });
  cluster.gossip.port = gossipPort;
  cluster.discovery.consul_address = `127.0.0.1:${consulPort}`;
  Object.assign(database.config, { host: "127.0.0.1", port: line.port, user: store.user });
  Object.assign(database.config, { db_name: store.database });
  delete database.config.password;
  return JSON.stringify({ cluster_config: cluster, config_store: database });
}

function nodeOf(name: Name): Node {
  const node = nodes.find((one) => one.name === name);
  if (node === undefined) throw new Error(`${name} was not started`);
  return node;
}

async function config(name: Name, method: string, id: string, value?: unknown): Promise<number> {
  const { controlPort } = nodeOf(name).program.program;
  const response = await fetch(`http://127.0.0.1:${controlPort}/config/${id}`, {
    method,
    headers: { authorization: `Bearer ${TEST_TOKEN}` },
    ...(value === undefined ? {} : { body: JSON.stringify(value) }),
  });
  await response.body?.cancel();
  return response.status;
}

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

async function visit(port: number, host: string): Promise<Answer> {
  const sent = request({ host: "127.0.0.1", port, headers: { host } }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}

const throughNginx = (host: string) => visit(Number(new URL(nginx.address).port), host);
const at = (name: Name, host: string) => visit(nodeOf(name).program.program.port, host);

function everywhere(host: string, expected: Partial<Answer>): Promise<void> {
  return vi.waitFor(async () => {
    const answers = await Promise.all([throughNginx(host), ...NODES.map((name) => at(name, host))]);
    for (const answer of answers) expect(answer).toMatchObject(expected);
  }, WITHIN);
}

async function untilWhole(): Promise<void> {
  for (const { program } of nodes) {
    for (const name of NODES) await program.untilSees(name, /^alive$/);
  }
}

const guard = (words: string) => ({
  source: `function on_request(request) deny(403, "${words}") end`,
});

test("what is put at one gateway is served by all of them behind nginx", async () => {
  await untilWhole();
  const ready = [{ address: `127.0.0.1:${(app.address() as AddressInfo).port}` }];
  expect(await config("bifrost-1", "PUT", "backends/d1", { projectId: "shop", ready })).toBe(200);
  expect(await config("bifrost-2", "PUT", "projects/shop", { liveDeploymentId: "d1" })).toBe(200);
  expect(await config("bifrost-3", "PUT", "routes/shop.test", { projectId: "shop" })).toBe(200);
  await everywhere("shop.test", { status: 200, body: "app: /" });
});

test("a gateway that is cut off from PostgreSQL follows the others, even when it is killed and started anew", async () => {
  const lonely = nodeOf("bifrost-1");
  lonely.line.cut();
  expect(await config("bifrost-1", "PUT", "policies/guard", guard("no"))).toBe(503);
  expect(await config("bifrost-2", "PUT", "policies/guard", guard("closed"))).toBe(200);
  const value = { liveDeploymentId: "d1", policies: [{ policy: "guard" }] };
  expect(await config("bifrost-2", "PUT", "projects/shop", value)).toBe(200);
  await everywhere("shop.test", { status: 403, body: "closed" });

  const { child, ended } = lonely.program.program;
  child.kill("SIGKILL");
  await ended;
  expect((await throughNginx("shop.test")).body).toBe("closed");
  const program = await programs.start(lonely.environment);
  lonely.program = new ClusterNodeProgram(lonely.name, lonely.gossipPort, program);
  await untilWhole();
  await everywhere("shop.test", { status: 403, body: "closed" });
  lonely.line.mend();
  await vi.waitFor(
    async () => expect(await config("bifrost-1", "PUT", "policies/guard", guard("shut"))).toBe(200),
    WITHIN,
  );
  await everywhere("shop.test", { status: 403, body: "shut" });
});

test("without PostgreSQL they serve on and take no change, and catch up with one that is made when it is back", async () => {
  await store.halt();
  expect(await config("bifrost-3", "DELETE", "routes/shop.test")).toBe(503);
  await everywhere("shop.test", { status: 403, body: "shut" });
  await store.run();
  await store.with((sql) => sql`DELETE FROM bifrost_config WHERE kind = 'routes'`);
  await everywhere("shop.test", { status: 404 });
});
