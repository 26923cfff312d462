/** The whole gossip process of a gateway, sealed, as the gateway's parent forks it; no gateway is needed for it. */
import { generateKeyPairSync } from "node:crypto";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { configVersion } from "@bifrost/shared/domain/config-version";
import { systemTimers } from "@bifrost/shared/domain/time";
import type { ClusterConfig } from "../../../../gateway/src/cluster-config/cluster-config.ts";
import { GossipProcess } from "../../../../gateway/src/cluster/gossip-process.ts";
import type {
  FromGossip,
  GossipSettings,
  ToGossip,
} from "../../../../gateway/src/cluster/messages.ts";
import type { Member, MemberState } from "../../../../gateway/src/gossip/member.ts";
import { ROOT } from "../../../support/folders.ts";
import {
  BENCH_KEY,
  type Contender,
  type IdleTraffic,
  type NodeEvent,
  type RunningNode,
} from "./contender.ts";
import { EventLog } from "./event-log.ts";
import { WEIGH, type Weighed, WITH_PROBE } from "./heap.ts";
import type { Place } from "./place.ts";

/** Bundled by `npm run bench`. */
const PROGRAM = path.join(ROOT, "dist/gossip-node.mjs");
const PORT = 10_101;
const LOAD_MS = 1000;
const KINDS = { alive: "joined", suspect: "suspected", dead: "failed" } as const;
const SIGNING = generateKeyPairSync("ed25519");
const NO_PLATFORM = {
  projectId: "",
  functionsUrl: "",
  identityToolkitUrl: "",
  firebaseApiKey: "",
  firestoreUrl: "",
  kubeconfig: null,
  metadataUrl: "",
  oidcIssuer: "",
  oidcCertificatesUrl: "",
};
const NO_LOAD = { eventLoopDelayMs: 0, requestsPerSecond: 0, errorRate: 0 };

/** A broadcast is a change of the configuration: what the origin's store tells, signed. Only for the loopback device. */
export const gossipProcess: Contender = {
  name: "bifrost's whole gossip process",
  lacks: () => null,
  async start(name, place, seed) {
    const node = new GossipProcessNode(name, place, seed);
    await node.ready;
    return node;
  },
};

class GossipProcessNode implements RunningNode {
  readonly name: string;
  readonly ready: Promise<void>;
  private readonly log = new EventLog();
  private readonly process: GossipProcess;
  private readonly states = new Map<string, MemberState>();
  private readonly feed: NodeJS.Timeout;
  private begun: (problem: string | null) => void = () => undefined;
  private weighed: (heapBytes: number) => void = () => undefined;

  constructor(name: string, place: Place, seed: Place | null) {
    this.name = name;
    this.ready = new Promise((resolve, reject) => {
      this.begun = (problem) => (problem === null ? resolve() : reject(new Error(problem)));
    });
    this.process = new GossipProcess({
      program: { script: PROGRAM, nodeArguments: WITH_PROBE, environment: {} },
      timers: systemTimers,
      onMessage: (message) => {
        if (message.kind === "up") this.start(place, seed);
        else if (message.kind === "listening") this.begun(null);
        else if (message.kind === "failed") this.begun(message.message);
        else this.heard(message);
      },
    });
    void this.process.ended.then((how) => this.begun(`${name} ended with ${how}`));
    // As its parent does.
    this.feed = setInterval(() => this.process.send({ kind: "load", load: NO_LOAD }), LOAD_MS);
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  get events(): readonly NodeEvent[] {
    return this.log.events;
  }

  onEvent(listener: (event: NodeEvent) => void): () => void {
    return this.log.onEvent(listener);
  }

  broadcast(id: string): Promise<void> {
    const now = configVersion(Date.now());
    const value = { projectId: id.padEnd(100, "x") };
    this.log.add({ kind: "heard", id, at: performance.now() });
    const documents = [{ id, version: now, value }];
    const own = { kind: "routes", documents, removed: [], isAll: false, asOf: now };
    this.process.send({ kind: "own-config", own });
    return Promise.resolve();
  }

  async idleTraffic(ms: number): Promise<IdleTraffic> {
    const before = await this.counters();
    await sleep(ms);
    const after = await this.counters();
    const perSecond = (what: string) => (((after[what] ?? 0) - (before[what] ?? 0)) * 1000) / ms;
    return {
      packetsPerSecond: perSecond("packetsSent"),
      bytesPerSecond: perSecond("packetBytesSent"),
      streamBytesPerSecond: perSecond("streamBytesSent"),
    };
  }

  heapBytes(): Promise<number> {
    return new Promise((resolve) => {
      this.weighed = resolve;
      this.process.send(WEIGH as unknown as ToGossip);
    });
  }

  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  async stop(): Promise<void> {
    clearInterval(this.feed);
    this.process.kill();
    await this.process.ended;
  }

  private start(place: Place, seed: Place | null): void {
    this.process.send({ kind: "start", settings: settingsOf(this.name, place, seed) });
  }

  private heard(message: Exclude<FromGossip, { kind: "answer" }> | Weighed): void {
    const at = performance.now();
    if (message.kind === "weighed") this.weighed(message.heapBytes);
    if (message.kind === "members") this.saw(message.members, at);
    if (message.kind !== "config") return;
    for (const { document } of message.documents) {
      this.log.add({ kind: "heard", id: document.id, at });
    }
  }

  private saw(members: readonly Member[], at: number): void {
    for (const { id, state } of members) {
      if (this.states.get(id) === state) continue;
      this.states.set(id, state);
      if (state !== "left") this.log.add({ kind: KINDS[state], member: id, at });
    }
  }

  private async counters(): Promise<Readonly<Record<string, number>>> {
    const answer = await this.process.ask({ what: "status" });
    if (answer.what !== "status") throw new Error(`the status of ${this.name} is ${answer.what}`);
    return answer.status.details.counters;
  }
}

function settingsOf(nodeId: string, { address }: Place, seed: Place | null): GossipSettings {
  const config: ClusterConfig = {
    nodeId,
    region: "",
    label: "bench",
    transport: "mesh",
    bindAddress: address,
    advertise: null,
    peers: seed === null ? [] : [`${seed.address}:${PORT}`],
    discoveries: [],
    gossip: {
      port: PORT,
      timeoutMs: 10_000,
      successThreshold: 3,
      failureThreshold: 3,
      deduplicationMs: 120_000,
    },
    tls: null,
  };
  const secrets = {
    gossipKeys: [{ id: 1, key: Buffer.from(BENCH_KEY, "base64") }],
    configSigningKey: SIGNING.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    configPublicKey: SIGNING.publicKey.export({ type: "spki", format: "pem" }).toString(),
    consulToken: null,
    etcdCredentials: null,
  };
  const place = { host: "", version: "bench", control: "127.0.0.1:9090" };
  return { nodeId, config, secrets, ...place, platform: NO_PLATFORM, logLevel: "error" };
}
