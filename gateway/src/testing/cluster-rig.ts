/** A gateway over real worker processes, with clients that ask it all the time. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { startCluster, type ClusterOptions } from "../workers/cluster.ts";
import type { DataPlanes } from "../workers/data-planes.ts";
import { PolicyFaults } from "../workers/policy-faults.ts";
import type { PolicyLogLine } from "../workers/policy-runtime.ts";
import { Load, startNamingReplica } from "./load.ts";
import { HOST } from "./proxy-rig.ts";
import {
  eventually,
  startGatewayOver,
  testPlaneSettings,
  type TestGateway,
} from "./test-gateway.ts";
import { buildPrograms, type BuiltPrograms } from "./worker-program.ts";

export const WAIT_MS = 20_000;

type Replica = Awaited<ReturnType<typeof startNamingReplica>>;

export class ClusterRig {
  /** What scripts logged. */
  readonly logged: PolicyLogLine[] = [];
  private readonly programs: BuiltPrograms;
  private readonly program: string;
  private readonly replica: Replica;
  private started: Omit<TestGateway, "listener"> | null = null;
  private readonly loads: Load[] = [];

  private constructor(programs: BuiltPrograms, program: string, replica: Replica) {
    this.programs = programs;
    this.program = program;
    this.replica = replica;
  }

  /** `program`: the worker's file below gateway/src, without its ending. */
  static async build(program: string): Promise<ClusterRig> {
    return new ClusterRig(await buildPrograms(program), program, await startNamingReplica());
  }

  /** Where the workers of gated-worker.ts wait while they start. */
  get gate() {
    const folder = path.dirname(this.programs.script(this.program));
    const [gate, waiting] = [path.join(folder, "gate"), path.join(folder, "waiting")];
    return {
      open: () => writeFileSync(gate, ""),
      close() {
        rmSync(gate, { force: true });
        rmSync(waiting, { force: true });
      },
      /** By anyone since it was closed. */
      isReached: () => existsSync(waiting),
    };
  }

  get gateway(): Omit<TestGateway, "listener"> {
    if (this.started === null) throw new Error("no gateway is started");
    return this.started;
  }

  get port(): number {
    return this.gateway.gateway.port;
  }

  startPlanes(
    options: Partial<ClusterOptions>,
    faults = new PolicyFaults(systemTimers, silentLogger),
  ): Promise<DataPlanes> {
    return startCluster({
      workers: 2,
      program: { script: this.programs.script(this.program), nodeArguments: [] },
      settings: testPlaneSettings(),
      timers: systemTimers,
      log: silentLogger,
      events: {
        onFault: (fault) => faults.add(fault),
        onPolicyLog: (line) => this.logged.push(line),
      },
      ...options,
    });
  }

  /** It serves HOST. */
  async start(options: Partial<ClusterOptions> = {}): Promise<void> {
    const policyFaults = new PolicyFaults(systemTimers, silentLogger);
    const dataPlanes = await this.startPlanes(options, policyFaults);
    this.started = await startGatewayOver(dataPlanes, { policyFaults });
    this.gateway.setBackends({ first: [this.replica.address] });
    this.gateway.setRoutes({ [HOST]: {} }, { project: "first" });
  }

  /** Clients until each of the workers has answered one; what was lost before they knew the tables does not count. */
  async load(workers = 2): Promise<void> {
    while (this.processes.size < workers) {
      const load = new Load(this.port, 8);
      this.loads.push(load);
      await eventually("it is answered", () => load.answered > 50, WAIT_MS);
    }
    for (const load of this.loads) load.lost.length = 0;
  }

  /** Names of the processes that answered. */
  get processes(): ReadonlySet<string> {
    return new Set(this.loads.flatMap((load) => [...load.processes.keys()]));
  }

  get answered(): number {
    return this.loads.reduce((sum, load) => sum + load.answered, 0);
  }

  get lost() {
    return this.loads.flatMap((load) => load.lost);
  }

  async stopLoad(): Promise<void> {
    await Promise.all(this.loads.map((load) => load.stop()));
  }

  async untilAnswered(count: number): Promise<void> {
    const before = this.answered;
    await eventually("they go on", () => this.answered >= before + count, WAIT_MS);
  }

  async pids(): Promise<readonly number[]> {
    const { workers } = (await (await this.gateway.control("/connections")).json()) as {
      workers: readonly { readonly pid: number }[];
    };
    return workers.map(({ pid }) => pid);
  }

  /** As many workers as there were, and one that was not among the former. */
  async untilReplaced(former: readonly number[]): Promise<readonly number[]> {
    for (;;) {
      const now = await this.pids();
      if (now.length === former.length && now.some((pid) => !former.includes(pid))) return now;
    }
  }

  /** Of a script, such as `limits@2`. */
  callsOf(key: string): number {
    const { totals } = this.gateway.gateway.dataPlanes.summary();
    return totals?.policyCalls.get(key) ?? 0;
  }

  async metrics(): Promise<string> {
    return (await this.gateway.control("/metrics")).text();
  }

  /** Ends the gateway and the clients. */
  async stop(): Promise<void> {
    await this.stopLoad();
    this.loads.length = 0;
    this.logged.length = 0;
    await this.started?.gateway.stop(0);
    this.started = null;
  }

  close(): void {
    this.replica.close();
    this.programs.remove();
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
