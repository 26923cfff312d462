/** The cluster as a gateway's parent sees it: it keeps the gossip process alive, and asks it. */
import type { ClusterTraffic } from "@bifrost/shared/api/cluster-traffic";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Member, NodeId } from "../gossip/member.ts";
import { LimitsHub } from "../limits/limits-hub.ts";
import { LimitsNode } from "../limits/limits-node.ts";
import type { HelperProgram } from "../workers/helper-program.ts";
import { recentEnds, restartDelayMs } from "../workers/restart-delay.ts";
import { startWatchdog, type WatchdogLimits } from "../workers/watchdog.ts";
import { clusterStatus, type FullStatus } from "./cluster-status.ts";
import { GossipProcess } from "./gossip-process.ts";
import { feedLoad } from "./load-feed.ts";
import type {
  FromGossip,
  GossipQuestion,
  GossipSettings,
  ToGossip,
  TrafficLoad,
} from "./messages.ts";
import type { PlanesSummary } from "../workers/data-planes.ts";

/** A process that is stopped for less is only late; the others take it for stalled meanwhile. */
const LIMITS: WatchdogLimits = { silenceMs: 10_000, startMs: 30_000 };
/** What the process gets beyond its grace to end. */
const END_MS = 500;

export interface GatewayClusterOptions {
  readonly program: HelperProgram;
  /** `control` is known when the control API listens. */
  readonly settings: Omit<GossipSettings, "control">;
  readonly timers: Timers;
  readonly log: Logger;
  readonly watchdog?: WatchdogLimits;
}

/** What the gateway does with configuration from the other nodes. */
export interface ConfigListener {
  take(documents: Extract<FromGossip, { kind: "config" }>["documents"]): void;
  /** A process has begun that knows nothing of what this gateway's store holds. */
  offerAll(): void;
  /** This gateway leaves for good. */
  stop(): void;
}

export class GatewayCluster {
  /** Processes that ended without being told to. */
  restarts = 0;
  /** The newest known; they stand still while there is no process. */
  members: readonly Member[] = [];
  /** Where this gateway's data planes meet those of the others. */
  readonly limits: LimitsHub;
  /** Until a gossip process listened, which may never be, they meet each other here; null = one has. */
  private limitsAlone: LimitsNode | null;
  private readonly options: GatewayClusterOptions;
  private configListener: ConfigListener | null = null;
  private readonly membersListeners = new Set<(members: readonly Member[]) => void>();
  private process: GossipProcess | null = null;
  /** Rotations change them while the environment stays as it was. */
  private gossipKeys: GossipSettings["secrets"]["gossipKeys"];
  private control = "";
  private failure: string | null = "The gossip process is starting.";
  /** Why the present process cannot go on, in its own words. */
  private lastWords: string | null = null;
  private ends: readonly number[] = [];
  private restart: Timer | null = null;
  private leaving: Promise<void> | null = null;
  private stopFeeds: () => void = () => undefined;

  constructor(options: GatewayClusterOptions) {
    this.options = options;
    this.limits = new LimitsHub((plane, message) => {
      if (this.limitsAlone === null) this.tell({ kind: "limits", plane, message });
      else this.limitsAlone.heard(plane, message);
    });
    this.limitsAlone = new LimitsNode({
      timers: options.timers,
      random: Math.random,
      membership: null,
      send: (plane, message) => {
        if (this.limitsAlone !== null) this.limits.deliver(plane, message);
      },
    });
    this.gossipKeys = options.settings.secrets.gossipKeys;
  }

  get self(): NodeId {
    return this.options.settings.nodeId;
  }

  get region(): string {
    return this.options.settings.config.region;
  }

  /** Of the gossip process; null when there is none now. */
  get pid(): number | null {
    return this.process?.pid ?? null;
  }

  /** Why this gateway takes no part in its cluster; null = it does. It serves its traffic all the same. */
  get problem(): string | null {
    return this.failure;
  }

  /** `control`: where this gateway's control API listens. */
  start(control: string, summary: () => PlanesSummary): void {
    const { timers, log, watchdog = LIMITS } = this.options;
    this.control = control;
    const tell = (load: TrafficLoad): void => this.tell({ kind: "load", load });
    const stopLoad = feedLoad({ timers, summary, tell });
    const stopWatchdog = startWatchdog({
      timers,
      limits: watchdog,
      workers: () => (this.process === null ? [] : [this.process]),
      onLost(process) {
        log.error("gossip process does not answer and is killed", { pid: process.pid });
        process.kill();
      },
    });
    this.stopFeeds = () => {
      stopLoad();
      stopWatchdog();
    };
    this.launch();
  }

  onMembers(listener: (members: readonly Member[]) => void): void {
    this.membersListeners.add(listener);
  }

  onConfig(listener: ConfigListener): void {
    this.configListener = listener;
  }

  /** Does nothing while there is no process: what is told is of the moment. */
  tell(message: Extract<ToGossip, { kind: "limits" | "served" | "load" | "own-config" }>): void {
    if (this.process?.isListening === true) this.process.send(message);
  }

  async status(): Promise<FullStatus> {
    if (this.process?.isListening === true && this.failure === null) {
      const answer = await this.process.ask({ what: "status" }).catch(() => null);
      if (answer?.what === "status") return answer.status;
    }
    return this.statusAlone();
  }

  /** What all nodes served; null = there is nobody to ask now. */
  async traffic(): Promise<ClusterTraffic | null> {
    if (this.process?.isListening !== true || this.failure !== null) return null;
    const answer = await this.process.ask({ what: "traffic" }).catch(() => null);
    return answer?.what === "traffic" ? answer.traffic : null;
  }

  /** Rejects when the cluster refuses, or there is none to ask. */
  async rotateKey(step: Omit<Extract<GossipQuestion, { what: "rotate-key" }>, "what">) {
    if (this.process === null || this.failure !== null) {
      throw new BifrostError("upstream-unavailable", this.failure ?? "There is no cluster now.");
    }
    await this.process.ask({ what: "rotate-key", ...step });
  }

  /** Says goodbye to the others; resolves when the process has ended. Called again, waits for the same. */
  leave(graceMs: number): Promise<void> {
    this.leaving ??= this.end(graceMs);
    return this.leaving;
  }

  private async end(graceMs: number): Promise<void> {
    this.stopFeeds();
    this.configListener?.stop();
    this.restart?.cancel();
    const { process } = this;
    this.failure = "This gateway has left its cluster.";
    if (process === null) return;
    process.send({ kind: "leave", graceMs });
    const timer = this.options.timers.after(graceMs + END_MS, () => process.kill());
    await process.ended;
    timer.cancel();
  }

  private launch(): void {
    const { program, timers } = this.options;
    this.lastWords = null;
    const process = new GossipProcess({
      program,
      timers,
      onMessage: (message) => this.heard(process, message),
    });
    this.process = process;
    void process.ended.then((how) => this.ended(how));
  }

  private heard(process: GossipProcess, message: Exclude<FromGossip, { kind: "answer" }>): void {
    switch (message.kind) {
      case "up":
        process.send({ kind: "start", settings: this.settingsNow() });
        return;
      case "listening":
        this.listens(process, message.address);
        return;
      case "failed":
        this.lastWords = message.message;
        return;
      case "members":
        this.members = message.members;
        for (const listener of this.membersListeners) listener(message.members);
        return;
      case "config":
        this.configListener?.take(message.documents);
        return;
      case "keys":
        this.gossipKeys = message.keys;
        return;
      case "limits":
        this.limits.deliver(message.plane, message.message);
        return;
      case "beat":
    }
  }

  private listens({ pid }: GossipProcess, address: string): void {
    if (this.leaving === null) this.failure = null;
    this.limitsAlone = null;
    this.limits.introduce();
    this.options.log.info("gossip listens", { nodeId: this.self, address, pid });
    this.configListener?.offerAll();
  }

  private settingsNow(): GossipSettings {
    const { settings } = this.options;
    const secrets = { ...settings.secrets, gossipKeys: this.gossipKeys };
    return { ...settings, secrets, control: this.control };
  }

  private ended(how: number | string): void {
    const { log, timers } = this.options;
    this.process = null;
    if (this.leaving !== null) return;
    this.restarts++;
    const now = timers.now();
    this.ends = [...recentEnds(this.ends, now), now];
    const delayMs = restartDelayMs(this.ends, now);
    this.failure = this.lastWords ?? `The gossip process ended with ${how}; it is started again.`;
    log.error("gossip process ended; this gateway serves on without its cluster meanwhile", {
      how,
      delayMs,
      problem: this.failure,
    });
    this.restart = timers.after(delayMs, () => this.launch());
  }

  private statusAlone(): FullStatus {
    const { config, secrets } = this.options.settings;
    return clusterStatus({
      self: this.self,
      config,
      isEncrypted: secrets.gossipKeys.length > 0,
      members: this.members,
      healthOf: () => "unknown",
      loadOf: () => null,
      problem: this.failure ?? "The gossip process does not answer.",
      discovery: [],
      keys: [],
      configVersions: {},
      counters: {},
    });
  }
}
