/** Gateways as the platform runs them, as nodes of one cluster on this machine. */
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { ClusterStatusSchema, type ClusterStatus } from "@bifrost/shared/api/cluster";
import { type ClusterTraffic, ClusterTrafficSchema } from "@bifrost/shared/api/cluster-traffic";
import * as v from "valibot";
import { WAIT_MS } from "./cluster-rig.ts";
import type { GatewayPrograms, RunningProgram } from "./gateway-program.ts";
import { eventually, TEST_TOKEN } from "./test-gateway.ts";

const KEYS = `1:${Buffer.alloc(32, 7).toString("base64")}`;

export class ClusterNodeProgram {
  readonly nodeId: string;
  readonly gossipPort: number;
  readonly program: RunningProgram;

  constructor(nodeId: string, gossipPort: number, program: RunningProgram) {
    this.nodeId = nodeId;
    this.gossipPort = gossipPort;
    this.program = program;
  }

  async ask(what: string, token: string | null = TEST_TOKEN): Promise<unknown> {
    const headers: Record<string, string> =
      token === null ? {} : { authorization: `Bearer ${token}` };
    const url = `http://127.0.0.1:${this.program.controlPort}${what}`;
    const response = await fetch(url, { headers });
    return response.json();
  }

  async status(token: string | null = TEST_TOKEN): Promise<ClusterStatus> {
    return v.parse(ClusterStatusSchema, await this.ask("/cluster/status", token));
  }

  /** State of a member as this node sees it, with the evidence for it. */
  async sees(nodeId: string): Promise<string | null> {
    const { details } = await this.status();
    const member = details?.members.find((one) => one.nodeId === nodeId);
    if (member === undefined) return null;
    return member.evidence === null ? member.state : `${member.state} (${member.evidence})`;
  }

  async untilSees(nodeId: string, wanted: RegExp): Promise<void> {
    let seen: string | null = null;
    const end = Date.now() + WAIT_MS;
    while (!wanted.test((seen = String(await this.sees(nodeId))))) {
      if (Date.now() > end) {
        throw new Error(`${this.nodeId} sees ${nodeId} as ${seen}, not as ${String(wanted)}.`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Until this node has heard that another one served so many requests. */
  async untilHears(nodeId: string, requests: number): Promise<ClusterTraffic> {
    const end = Date.now() + WAIT_MS;
    for (;;) {
      const traffic = v.parse(ClusterTrafficSchema, await this.ask("/cluster/traffic"));
      const heard = traffic.nodes.find(({ node }) => node === nodeId)?.requests ?? 0;
      if (heard >= requests) return traffic;
      if (Date.now() > end) throw new Error(`${this.nodeId} heard of ${heard} at ${nodeId}.`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Lines of its log with this text. */
  logged(text: string): readonly Record<string, unknown>[] {
    const lines = this.program.output().split("\n").slice(0, -1);
    return lines
      .filter((line) => line.includes(text))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Of the gossip process that listens now; told by the log, once for each that was started. */
  async gossipPid(nth: number): Promise<number> {
    const pids = (): readonly unknown[] => this.logged("gossip listens").map(({ pid }) => pid);
    await eventually(`gossip process ${nth} listens`, () => pids().length >= nth, WAIT_MS);
    return Number(pids()[nth - 1]);
  }
}

export class GatewayClusterRig {
  private readonly programs: GatewayPrograms;
  private readonly folder = mkdtempSync(path.join(tmpdir(), "bifrost-cluster-"));

  constructor(programs: GatewayPrograms) {
    this.programs = programs;
  }

  /** They see each other. */
  async start(...names: readonly string[]): Promise<readonly ClusterNodeProgram[]> {
    const ports = await freePorts(names.length);
    const nodes = await Promise.all(
      names.map((name, index) => this.startNode(name, ports[index] ?? 0, ports)),
    );
    await Promise.all(
      nodes.flatMap((node) => names.map((name) => node.untilSees(name, /^alive$/))),
    );
    return nodes;
  }

  async startNode(
    nodeId: string,
    port: number,
    peers: readonly number[],
  ): Promise<ClusterNodeProgram> {
    const file = path.join(this.folder, `${nodeId}.json`);
    const config = {
      cluster_config: {
        enabled: true,
        node_id: nodeId,
        bind_address: "127.0.0.1",
        peers: peers.map((peer) => `127.0.0.1:${peer}`),
        gossip: { port },
      },
    };
    writeFileSync(file, JSON.stringify(config));
    const program = await this.programs.start({
      BIFROST_CONFIG: file,
      BIFROST_GOSSIP_KEYS: KEYS,
      BIFROST_GATEWAY_WORKERS: "1",
    });
    return new ClusterNodeProgram(nodeId, port, program);
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** Free for both TCP and UDP when they were looked for, all different. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const held: { readonly port: number; close(): void }[] = [];
  while (held.length < count) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const socket = createSocket("udp4");
    const isFree = await new Promise<boolean>((resolve) => {
      socket.once("error", () => resolve(false));
      socket.bind(port, "127.0.0.1", () => resolve(true));
    });
    if (isFree) held.push({ port, close: () => (server.close(), socket.close()) });
    else server.close();
  }
  for (const one of held) one.close();
  return held.map(({ port }) => port);
}
