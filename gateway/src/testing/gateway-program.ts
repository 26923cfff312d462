/** The gateway as the program that the platform runs, over the embedded Firestore and the API of a cluster with one replica. */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  clientFor,
  PROJECT,
  startTestFirestore,
} from "@bifrost/local/firestore/testing/firestore-fixture";
import type { RunningFirestore } from "@bifrost/local/firestore/index";
import { isAlive, WAIT_MS } from "./cluster-rig.ts";
import { startNamingReplica } from "./load.ts";
import { HOST } from "./proxy-rig.ts";
import { eventually, TEST_SECRET, TEST_TOKEN } from "./test-gateway.ts";
import { buildPrograms, type BuiltPrograms } from "./worker-program.ts";

const PROGRAMS = ["main", "gateway-worker", "alert-rules", "policy-check", "gossip-node"] as const;
const DEPLOYMENT = "abcdefghij";
const SHIPPED_POLICIES = new URL("../../policies/", import.meta.url);

interface ReadyLine {
  readonly port: number;
  readonly controlPort: number;
}

export interface RunningProgram {
  readonly child: ChildProcess;
  readonly port: number;
  readonly controlPort: number;
  /** Of the processes that carry its traffic. */
  readonly workers: readonly number[];
  /** Its code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** All it wrote so far. */
  output(): string;
}

export class GatewayPrograms {
  private readonly programs: BuiltPrograms;
  private readonly folder: string;
  private readonly firestore: RunningFirestore;
  private readonly cluster: Server;
  private readonly replica: Awaited<ReturnType<typeof startNamingReplica>>;
  private readonly started: { readonly child: ChildProcess; workers: readonly number[] }[] = [];

  private constructor(parts: {
    readonly programs: BuiltPrograms;
    readonly folder: string;
    readonly firestore: RunningFirestore;
    readonly cluster: Server;
    readonly replica: Awaited<ReturnType<typeof startNamingReplica>>;
  }) {
    this.programs = parts.programs;
    this.folder = parts.folder;
    this.firestore = parts.firestore;
    this.cluster = parts.cluster;
    this.replica = parts.replica;
  }

  /** Each gateway that is started serves HOST by a route with these policies and rules for paths. */
  static async build(
    rules: { readonly policies?: readonly object[]; readonly paths?: readonly object[] } = {},
  ): Promise<GatewayPrograms> {
    const programs = await buildPrograms(...PROGRAMS);
    const beside = path.join(path.dirname(programs.script("main")), "policies");
    cpSync(SHIPPED_POLICIES, beside, { recursive: true });
    const replica = await startNamingReplica();
    const firestore = await startTestFirestore();
    const writer = clientFor(firestore);
    await writer.doc(`projects/shop`).set({ name: "Shop", liveDeploymentId: DEPLOYMENT });
    const route = { host: HOST, projectId: "shop", targets: [], ...rules };
    await writer.doc(`routes/${HOST}`).set(route);
    await writer.terminate();
    const cluster = await startClusterApi(replica.address);
    const folder = mkdtempSync(path.join(tmpdir(), "bifrost-gateway-"));
    return new GatewayPrograms({ programs, folder, firestore, cluster, replica });
  }

  /** It knows its tables, and each of its two workers serves. `isOrphan`: its standard input is at an end from the beginning. */
  async start(
    changes: Readonly<Record<string, string>> = {},
    isOrphan = false,
  ): Promise<RunningProgram> {
    const child = spawn(process.execPath, [this.programs.script("main")], {
      cwd: this.folder,
      env: { ...this.environment(), ...changes },
      stdio: ["pipe", "pipe", "inherit"],
    });
    if (isOrphan) child.stdin.end();
    const known: (typeof this.started)[number] = { child, workers: [] };
    this.started.push(known);
    const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
      child.once("exit", (code, signal) => resolve(signal ?? code)),
    );
    let output = "";
    child.stdout.on("data", (data: Buffer) => (output += data.toString()));
    const readyLine = (): string | undefined =>
      output.split("\n").find((line) => line.includes('"ready":true') && line.endsWith("}"));
    const ready = eventually("the gateway is ready", () => readyLine() !== undefined, WAIT_MS);
    const early = ended.then((how) => {
      throw new Error(`The gateway ended with ${how} before it was ready:\n${output}`);
    });
    // It ends some day.
    early.catch(() => undefined);
    await Promise.race([ready, early]);
    const { port, controlPort } = JSON.parse(readyLine() ?? "") as ReadyLine;
    await untilReady(controlPort);
    known.workers = await workersOf(controlPort);
    return { child, port, controlPort, workers: known.workers, ended, output: () => output };
  }

  /** Ends what tests left running. */
  async stopAll(): Promise<void> {
    for (const { child } of this.started) child.kill("SIGKILL");
    const pids = this.started.splice(0).flatMap(({ workers }) => workers);
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  }

  async close(): Promise<void> {
    await this.stopAll();
    this.cluster.close();
    this.cluster.closeAllConnections();
    this.replica.close();
    await this.firestore.stop();
    this.programs.remove();
    rmSync(this.folder, { recursive: true });
  }

  private environment(): Readonly<Record<string, string>> {
    const kubeconfig = path.join(this.folder, "kubeconfig");
    const { port } = this.cluster.address() as AddressInfo;
    writeFileSync(kubeconfig, kubeconfigFor(`http://127.0.0.1:${port}`));
    // Nothing here asks them for anything.
    const elsewhere = "http://127.0.0.1:9";
    return {
      GOOGLE_CLOUD_PROJECT: PROJECT,
      METADATA_SERVER_DETECTION: "none",
      FIRESTORE_EMULATOR_HOST: `127.0.0.1:${this.firestore.port}`,
      KUBECONFIG: kubeconfig,
      BIFROST_FUNCTIONS_URL: elsewhere,
      BIFROST_FIRESTORE_URL: elsewhere,
      BIFROST_METADATA_URL: elsewhere,
      BIFROST_GATEWAY_METADATA_URL: elsewhere,
      BIFROST_FIREBASE_API_KEY: "unused",
      BIFROST_SITE_BUCKET: "sites",
      BIFROST_TELEMETRY_SECRET: TEST_SECRET,
      BIFROST_CONTROL_TOKEN: TEST_TOKEN,
      BIFROST_DOMAIN: HOST.slice(HOST.indexOf(".") + 1),
      BIFROST_SCHEME: "http",
      BIFROST_GATEWAY_HOST: "127.0.0.1",
      BIFROST_GATEWAY_PORT: "0",
      BIFROST_GATEWAY_WORKERS: "2",
      BIFROST_CONTROL_HOST: "127.0.0.1",
      BIFROST_CONTROL_PORT: "0",
      BIFROST_TELEMETRY_GRPC_PORT: "0",
      BIFROST_ACCESS_LOG: path.join(this.folder, "access.log"),
    };
  }
}

/** It listens before it has heard of routes and replicas. */
async function untilReady(controlPort: number): Promise<void> {
  const end = Date.now() + WAIT_MS;
  while ((await fetch(`http://127.0.0.1:${controlPort}/ready`)).status !== 200) {
    if (Date.now() > end) throw new Error(`Waited ${WAIT_MS} ms in vain for its tables.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function workersOf(controlPort: number): Promise<readonly number[]> {
  const response = await fetch(`http://127.0.0.1:${controlPort}/connections`, {
    headers: { authorization: `Bearer ${TEST_TOKEN}` },
  });
  const { workers } = (await response.json()) as {
    readonly workers: readonly { readonly pid: number }[];
  };
  return workers.map(({ pid }) => pid);
}

/** Answers the list of EndpointSlices with one of `address`, and a watch with nothing. */
async function startClusterApi(address: string): Promise<Server> {
  const [ip = "", port] = address.split(":");
  const slice = {
    metadata: {
      name: "shop",
      namespace: "apps",
      labels: { "bifrost.dev/deployment": DEPLOYMENT, "bifrost.dev/project": "shop" },
    },
    addressType: "IPv4",
    ports: [{ port: Number(port) }],
    endpoints: [{ addresses: [ip], conditions: { ready: true } }],
  };
  const list = { kind: "EndpointSliceList", metadata: { resourceVersion: "1" }, items: [slice] };
  const server = createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    if (request.url?.includes("watch=true") === true) response.flushHeaders();
    else response.end(JSON.stringify({ apiVersion: "discovery.k8s.io/v1", ...list }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** JSON is YAML. */
function kubeconfigFor(server: string): string {
  return JSON.stringify({
    clusters: [{ name: "c", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  });
}
