/** A gateway over test sources on free ports, and raw sockets to talk to it. */
import { connect, type Socket } from "node:net";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import type { ObjectReader } from "@bifrost/shared/ports/object-store";
import type { ReplicaStore } from "@bifrost/shared/ports/replica-store";
import { type GatewayDeps, startGateway, type RunningGateway } from "../gateway.ts";
import type { GatewayPolicies } from "../policies/follow-policies.ts";
import type { RunningListener } from "../proxy/listener.ts";
import { DEFAULT_PROXY_LIMITS, type ProxyLimits } from "../proxy/services.ts";
import type { PoolLimits } from "../proxy/upstream-pool.ts";
import type { TelemetryOptions } from "../telemetry/start-telemetry.ts";
import type { DataPlanes } from "../workers/data-planes.ts";
import { startInProcess } from "../workers/in-process.ts";
import type { PlaneSettings } from "../workers/plane.ts";
import { PolicyFaults } from "../workers/policy-faults.ts";
import type { Alerts } from "../alerts/alerts.ts";
import type { GatewayCluster } from "../cluster/gateway-cluster.ts";
import { startPolicies } from "../workers/start-policies.ts";
import { testSources, type TestSources } from "./sources.ts";

export const TEST_SECRET = "a-secret-for-tests";

/** Of the control API. */
export const TEST_TOKEN = "a-token-for-tests";

export interface TestGateway extends TestSources {
  readonly gateway: RunningGateway;
  /** Of the one data plane, which runs in this process. */
  readonly listener: RunningListener;
  /** Asks the control API, as its operator. */
  control(path: string, init?: RequestInit): Promise<Response>;
}

export interface TestGatewayOptions {
  readonly ownConfig?: GatewayDeps["ownConfig"];
  readonly replicas?: ReplicaStore;
  /** None when absent. */
  readonly policies?: GatewayPolicies;
  /** None when absent. */
  readonly alerts?: Alerts;
  /** None when absent. */
  readonly cluster?: GatewayCluster;
  readonly limits?: Partial<ProxyLimits>;
  readonly telemetry?: Pick<TelemetryOptions, "limits" | "grpcLimits">;
  readonly upstreams?: Partial<PoolLimits>;
  /** Of static sites; without one they cannot be read. */
  readonly bucket?: ObjectReader;
  /** TEST_TOKEN when absent. */
  readonly controlToken?: null;
  /** The sources never tell anything. */
  readonly isSilent?: boolean;
}

/** Of static sites. */
export const TEST_BUCKET = "sites";

export const NO_BUCKET: ObjectReader = {
  stream: () => Promise.reject(new Error("this test has no bucket")),
};

const SILENT = { watch: () => () => undefined };

export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const policyFaults = new PolicyFaults(systemTimers, silentLogger);
  const dataPlanes = await startInProcess({
    settings: testPlaneSettings(options),
    timers: systemTimers,
    startPolicies,
    openBucket: () => options.bucket ?? NO_BUCKET,
    events: { onFault: (fault) => policyFaults.add(fault), onPolicyLog: () => undefined },
    onProblem: () => undefined,
  });
  const running = await startGatewayOver(dataPlanes, { ...options, policyFaults });
  return { ...running, listener: dataPlanes.listener };
}

/** What data planes of tests listen on and where they end. */
export function testPlaneSettings({
  limits,
  upstreams,
}: Pick<TestGatewayOptions, "limits" | "upstreams"> = {}): PlaneSettings {
  return {
    host: "127.0.0.1",
    port: 0,
    domain: "test.local",
    publicScheme: "http",
    gossip: null,
    limits: { ...DEFAULT_PROXY_LIMITS, ...limits },
    upstreams: { connectTimeoutMs: 2000, idleMs: 4000, perAddress: 256, ...upstreams },
    sites: { bucket: TEST_BUCKET, endpoint: null, cacheBytes: 4 * 1024 ** 2 },
    accessLog: null,
  };
}

/** The parent over these data planes. */
export async function startGatewayOver(
  dataPlanes: DataPlanes,
  options: Pick<
    TestGatewayOptions,
    | "replicas"
    | "ownConfig"
    | "telemetry"
    | "isSilent"
    | "policies"
    | "alerts"
    | "cluster"
    | "controlToken"
  > & {
    readonly policyFaults: PolicyFaults;
  },
): Promise<Omit<TestGateway, "listener">> {
  const sources = testSources();
  const gateway = await startGateway({
    alerts: options.alerts ?? null,
    providers: null,
    cluster: options.cluster ?? null,
    settings: {
      controlHost: "127.0.0.1",
      controlPort: 0,
      controlToken: options.controlToken === null ? null : TEST_TOKEN,
      telemetryGrpcPort: 0,
      telemetrySecret: TEST_SECRET,
    },
    dataPlanes,
    policyFaults: options.policyFaults,
    policies: options.policies ?? { standard: [], stored: null },
    routes: options.isSilent === true ? SILENT : sources.routes,
    backends: options.isSilent === true ? SILENT : sources.backends,
    ownConfig: options.ownConfig ?? null,
    replicas: options.replicas ?? null,
    timers: systemTimers,
    log: silentLogger,
    ...(options.telemetry === undefined ? {} : { telemetryLimits: options.telemetry }),
  });
  const control = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${gateway.controlPort}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${TEST_TOKEN}` },
    });
  return { ...sources, gateway, control };
}

export interface RawClient {
  readonly socket: Socket;
  /** Everything received so far, as latin1. */
  text(): string;
  send(data: string | Buffer): void;
  /** Resolves once `isEnough` holds of all that was received. */
  until(isEnough: (text: string) => boolean): Promise<string>;
  /** Resolves with all that was received once the other side ended or reset the connection. */
  closed(): Promise<string>;
}

export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const parts: Buffer[] = [];
  const waiting = new Set<() => void>();
  let isClosed = false;
  const wake = (): void => {
    for (const check of waiting) check();
  };
  socket.on("data", (data) => (parts.push(data), wake()));
  socket.on("error", () => undefined);
  const gone = new Promise<void>((resolve) => {
    socket.on("end", resolve);
    socket.on("close", resolve);
  }).then(() => ((isClosed = true), wake()));
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  const text = (): string => Buffer.concat(parts).toString("latin1");
  return {
    socket,
    text,
    send: (data) => void socket.write(data, "latin1"),
    until: (isEnough) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (isEnough(text())) resolve(text());
          else if (isClosed) reject(new Error(`closed after: ${text().slice(0, 500)}`));
          else return;
          waiting.delete(check);
        };
        waiting.add(check);
        check();
      }),
    async closed() {
      await gone;
      return text();
    },
  };
}

/**
 * Polls until `condition` holds; fails after `limitMs` with what was waited for. Once more after that: a process that
 * stood still for so long has not yet seen what arrived meanwhile.
 */
export async function eventually(
  what: string,
  condition: () => boolean,
  limitMs = 5000,
): Promise<void> {
  const end = Date.now() + limitMs;
  for (let isOver = false; !condition(); isOver = Date.now() > end) {
    if (isOver) throw new Error(`Waited ${limitMs} ms in vain until ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setImmediate(resolve));
  }
}
