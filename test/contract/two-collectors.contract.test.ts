/**
 * Two collectors behind one address, as the cluster runs them, over the embedded Firestore and the product's rules. The
 * sidecar's health stays told whichever of them goes, and no document of a living replica disappears.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { FirestoreReplicaStore } from "@bifrost/shared/cloud/firestore-replica-store";
import type { TelemetryLine } from "@bifrost/shared/domain/telemetry";
import { telemetryToken } from "@bifrost/shared/domain/telemetry-token";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { type RunningCollector, startCollector } from "@bifrost/gateway/collector";
import { GrpcSidecar, type ReportStream } from "@bifrost/gateway/testing/grpc-sidecar";
import { sampleLine } from "@bifrost/gateway/testing/sample-line";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { World } from "./firestore-world.ts";

const SECRET = "a-secret-for-tests";
const POD = "app-1";

let world: World;
let id: string;
let collectors: RunningCollector[] = [];
let service: Service;

beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.stop());

beforeEach(async () => {
  ({ id } = await world.deploymentIn("running"));
  collectors = [await start(), await start()];
  service = await Service.start(collectors.map((one) => one.telemetryGrpcPort));
});
afterEach(async () => {
  service.stop();
  await Promise.all(collectors.map((one) => one.stop(0)));
});

function start(): Promise<RunningCollector> {
  return startCollector({
    settings: {
      controlHost: "127.0.0.1",
      controlPort: 0,
      telemetryGrpcPort: 0,
      telemetrySecret: SECRET,
    },
    replicas: new FirestoreReplicaStore(world.as("collector")),
    timers: systemTimers,
    log: silentLogger,
  });
}

/** One address for several collectors: each connection goes to the first one that takes it. */
class Service {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  ports: readonly number[];

  private constructor(ports: readonly number[]) {
    this.ports = ports;
    this.server = createServer((socket) => this.forward(socket, this.ports));
  }

  static async start(ports: readonly number[]): Promise<Service> {
    const made = new Service(ports);
    await new Promise<void>((resolve) => made.server.listen(0, "127.0.0.1", resolve));
    return made;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Cuts all connections; new ones go to `ports`. */
  move(ports: readonly number[]): void {
    this.ports = ports;
    for (const socket of this.sockets) socket.destroy();
  }

  stop(): void {
    this.server.close();
    this.move([]);
  }

  private forward(socket: Socket, [port, ...others]: readonly number[]): void {
    if (port === undefined) return void socket.destroy();
    const onwards = connect(port, "127.0.0.1");
    onwards.once("error", () => this.forward(socket, others));
    onwards.once("connect", () => {
      for (const one of [socket, onwards]) {
        this.sockets.add(one);
        one.on("error", () => undefined);
        one.once("close", () => this.sockets.delete(one));
      }
      socket.once("close", () => onwards.destroy());
      onwards.once("close", () => socket.destroy());
      socket.pipe(onwards).pipe(socket);
    });
  }
}

/** Reports as a sidecar does: what is not acknowledged is sent again over the next connection. */
class Reporter {
  private readonly unacknowledged: TelemetryLine[] = [];
  private client: GrpcSidecar | null = null;
  private stream: ReportStream | null = null;
  private seq = 0;

  report(changes: Partial<TelemetryLine>): number {
    const line = sampleLine({ deployment: id, pod: POD, seq: ++this.seq, ...changes });
    this.unacknowledged.push(line);
    if (this.stream === null || this.stream.isOver()) this.connect();
    else this.stream.send(line);
    return this.seq;
  }

  /** Whether all is acknowledged; connects again when the last call ended before. */
  isDone(): boolean {
    const acknowledged = this.stream?.acks.at(-1) ?? 0;
    while ((this.unacknowledged[0]?.seq ?? Infinity) <= acknowledged) this.unacknowledged.shift();
    if (this.unacknowledged.length > 0 && this.stream?.isOver() === true) this.connect();
    return this.unacknowledged.length === 0;
  }

  close(): void {
    this.client?.close();
  }

  private connect(): void {
    this.close();
    this.client = new GrpcSidecar(service.port);
    this.stream = this.client.report({
      authorization: `Bearer ${telemetryToken(SECRET, id)}`,
      "bifrost-deployment": id,
    });
    for (const line of this.unacknowledged) this.stream.send(line);
  }
}

/** The replica's document as everyone reads it. */
async function stored(): Promise<Readonly<Record<string, unknown>> | null> {
  const [found] = await world.deployments("verify").replicas(id as never);
  return found ?? null;
}

/** Looks until the condition holds; every look after the first finds the document. */
async function until(
  what: string,
  condition: (document: Readonly<Record<string, unknown>>) => boolean,
): Promise<void> {
  const end = Date.now() + 15_000;
  for (;;) {
    const document = await stored();
    if (document !== null && condition(document)) return;
    if (document === null && hasBeen) throw new Error("the document disappeared");
    hasBeen ||= document !== null;
    if (Date.now() > end)
      throw new Error(`waited in vain until ${what}: ${JSON.stringify(document)}`);
    await systemTimers.sleep(10);
  }
}
let hasBeen = false;
beforeEach(() => {
  hasBeen = false;
});

const healthIs = (healthy: boolean, seq: number) => (document: Readonly<Record<string, unknown>>) =>
  document["healthy"] === healthy && Number(document["seq"]) >= seq;

test.each([
  ["is killed", (one: RunningCollector) => one.stop(0)],
  ["ends in order", (one: RunningCollector) => one.stop(5000)],
])(
  "one that %s in the middle of a stream loses nothing: the other one tells each change",
  async (_how, end) => {
    const reporter = new Reporter();
    for (let n = 0; n < 50; n++) reporter.report({ healthy: n % 2 === 1 });
    await until("it is stored", healthIs(true, 50));
    const ending = end(collectors[0] as RunningCollector);
    // Some of these reach the one that goes, some nobody, and all are sent again.
    let seq = 0;
    for (let n = 0; n < 50; n++) {
      seq = reporter.report({ healthy: n % 2 === 0 });
      await systemTimers.sleep(2);
    }
    await until(
      "the change is stored",
      (document) => reporter.isDone() && healthIs(false, 51)(document),
    );
    await ending;
    expect(collectors[1]?.collector.replicasOf(id)).toMatchObject([{ seq, healthy: false }]);
    seq = reporter.report({ healthy: true });
    await until("the next one is stored", healthIs(true, seq));
    reporter.close();
  },
);

test("a sidecar that moves keeps its document: the one it left neither removes nor overwrites it", async () => {
  const [first, second] = collectors as [RunningCollector, RunningCollector];
  const reporter = new Reporter();
  let seq = reporter.report({ healthy: true });
  await until("it is stored", healthIs(true, seq));
  for (let moves = 0; moves < 6; moves++) {
    const [from, to] = moves % 2 === 0 ? [first, second] : [second, first];
    // One more is on its way into the store when it goes.
    reporter.report({ healthy: moves % 2 === 0, latencyMs: moves });
    service.move([to.telemetryGrpcPort, from.telemetryGrpcPort]);
    await systemTimers.sleep(5);
    seq = reporter.report({ healthy: moves % 2 === 1 });
    const expected = healthIs(moves % 2 === 1, seq);
    await until("the change is stored", (document) => reporter.isDone() && expected(document));
  }
  reporter.close();
  expect(await stored()).toMatchObject({ seq, healthy: true });
});

test("the document says itself until when it is believed, after its last collector died too", async () => {
  const reporter = new Reporter();
  reporter.report({ intervalMs: 1000 });
  await until("it is stored", () => true);
  reporter.close();
  await Promise.all(collectors.map((one) => one.stop(0)));
  const document = await stored();
  const [receivedAt, expireAt] = [document?.["receivedAt"], document?.["expireAt"]] as [Date, Date];
  expect(expireAt.getTime() - receivedAt.getTime()).toBe(15_000);
});
