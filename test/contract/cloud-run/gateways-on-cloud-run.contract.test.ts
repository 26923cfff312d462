/**
 * Three gateways as on Cloud Run: each is one instance behind a front of its own, has one port, and reaches the others by
 * their URLs alone, with tokens of the metadata server.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import path from "node:path";
import { freePorts, ClusterNodeProgram } from "@bifrost/gateway/testing/gateway-cluster";
import { GatewayPrograms } from "@bifrost/gateway/testing/gateway-program";
import { HOST } from "@bifrost/gateway/testing/proxy-rig";
import { startIam, type RunningIam } from "@bifrost/local/iam/index";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import {
  createAuthority,
  createServerCertificate,
  type Authority,
} from "../../../sidecar/testing/certificates.ts";
import { temporaryFolder } from "../../support/folders.ts";
import { lacks } from "../../support/processes.ts";
import { until } from "../../support/until.ts";
import { Front } from "./front.ts";
import { type MeetingPlace, startMeetingPlace } from "./meeting-place.ts";

const NAMES = ["gateway-1", "gateway-2", "gateway-3"] as const;
/** At once; hardly any come back while a test lasts. */
const BURST = 300;
const LIMIT = { policy: "standard/rate-limit", config: { rate: 0.001, burst: BURST } };

const missing = lacks("openssl");
const folder = temporaryFolder();
let iam: RunningIam;
let place: MeetingPlace;
let programs: GatewayPrograms;
let authority: Authority;
let fronts: readonly Front[] = [];

beforeAll(async () => {
  if (missing !== null) return;
  authority = createAuthority(folder, "authority");
  iam = await startIam({ projectId: "bifrost-local", timers: systemTimers, log: silentLogger });
  place = await startMeetingPlace(iam);
  programs = await GatewayPrograms.build({ policies: [LIMIT] });
});
beforeEach(async (context) => {
  if (missing !== null) return context.skip(missing);
  const certificate = createServerCertificate(folder, authority, "localhost");
  fronts = await Promise.all(NAMES.map(() => Front.start(certificate)));
  return undefined;
});
afterEach(async () => {
  await programs?.stopAll();
  for (const front of fronts) front.close();
});
afterAll(async () => {
  if (missing !== null) return;
  await programs.close();
  await Promise.all([place.close(), iam.stop()]);
});

type Finds = "each other's URLs in their files" | "each other in Firestore";

/** They see each other. */
async function start(finds: Finds): Promise<readonly ClusterNodeProgram[]> {
  const ports = await freePorts(NAMES.length);
  const nodes = await Promise.all(
    NAMES.map((name, at) => startNode(name, finds, { port: ports[at] ?? 0, front: frontAt(at) })),
  );
  await Promise.all(nodes.flatMap((node) => NAMES.map((name) => node.untilSees(name, /^alive$/))));
  return nodes;
}

async function startNode(
  nodeId: string,
  finds: Finds,
  { port, front }: { readonly port: number; readonly front: Front },
): Promise<ClusterNodeProgram> {
  const file = path.join(folder, `${nodeId}.json`);
  const others =
    finds === "each other in Firestore"
      ? { discovery: { enabled: true, type: "firestore", service_name: "bifrost-cluster" } }
      : { peers: fronts.map(({ url }) => url) };
  const cluster = {
    enabled: true,
    node_id: nodeId,
    transport: "https",
    advertise: front.url,
    bind_address: "127.0.0.1",
    gossip: { port },
    ...others,
  };
  writeFileSync(file, JSON.stringify({ cluster_config: cluster }));
  const program = await programs.start({
    ...place.environment,
    BIFROST_CONFIG: file,
    BIFROST_GATEWAY_WORKERS: "1",
    BIFROST_GATEWAY_METADATA_URL: iam.metadataUrl("gateway"),
    BIFROST_OIDC_ISSUER: iam.issuer,
    BIFROST_OIDC_CERTIFICATES_URL: `${iam.issuer}/oauth2/v1/certs`,
    BIFROST_ACCESS_LOG: accessLogOf(nodeId),
    NODE_EXTRA_CA_CERTS: authority.file,
  });
  front.instance = program.port;
  return new ClusterNodeProgram(nodeId, port, program);
}

function accessLogOf(nodeId: string): string {
  return path.join(folder, `${nodeId}.log`);
}

function frontAt(at: number): Front {
  const front = fronts[at];
  if (front === undefined) throw new Error(`no front ${at}`);
  return front;
}

/** Status of one request to the app. */
function ask({ program: { port } }: ClusterNodeProgram): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path: "/app", headers: { host: HOST } });
    asked.on("error", reject);
    asked.on("response", (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    asked.end();
  });
}

/** Answers how many requests got through before one was refused. */
async function askUntilRefused(node: ClusterNodeProgram, everyMs: number): Promise<number> {
  let allowed = 0;
  const isRefused = async (): Promise<boolean> => {
    const status = await ask(node);
    if (status === 200) allowed++;
    return status === 429;
  };
  await until(isRefused, { everyMs, what: "a refusal" });
  return allowed;
}

/** Through their fronts, and so their traffic ports, alone. */
async function expectOneCluster([first]: readonly ClusterNodeProgram[]): Promise<void> {
  expect(await first?.ask("/cluster/status", null)).toEqual({
    local_node: "gateway-1",
    members: 3,
    healthy_members: 3,
    cluster_health: "HEALTHY",
  });
  await until(() => fronts.every(({ answered }) => answered > 0), { what: "a request to each" });
  const { details } = (await first?.status()) ?? {};
  expect(details).toMatchObject({ problem: null, transport: "https" });
  expect(details?.members.map(({ address }) => address).toSorted()).toEqual(
    fronts.map(({ url }) => url).toSorted(),
  );
}

test("gateways that meet in Firestore form a cluster through their traffic ports, and one that is told to end has left", async () => {
  const nodes = await start("each other in Firestore");
  await expectOneCluster(nodes);
  const [a, b] = nodes;
  if (a === undefined || b === undefined) throw new Error("unreachable");
  b.program.child.kill("SIGTERM");
  await a.untilSees("gateway-2", /^left$/);
  expect(await b.program.ended).toBe(0);
});

test("of gateways that know each other's URLs a limit counts over all, gossip is no traffic, and one that is killed is stalled, then dead", async () => {
  const nodes = await start("each other's URLs in their files");
  await expectOneCluster(nodes);
  const [a, b, c] = nodes;
  if (a === undefined || b === undefined || c === undefined) throw new Error("unreachable");
  // A key that a node has not seen used is none of its business.
  expect([await ask(b), await ask(c)]).toEqual([200, 200]);
  const spent = await askUntilRefused(a, 0);
  // Alone, each would let BURST through; slowly, so that what it hears in between counts.
  const later = [await askUntilRefused(b, 100), await askUntilRefused(c, 100)];
  expect(spent).toBeLessThanOrEqual(BURST);
  for (const allowed of later) expect(allowed).toBeLessThan(BURST / 2);
  console.log(`of ${BURST}: ${spent} at the first, then ${later.join(" and ")}`);

  const killedAt = performance.now();
  c.program.child.kill("SIGKILL");
  await Promise.all([a, b].map((node) => node.untilSees("gateway-3", /^suspect \(stalled\)$/)));
  const suspectMs = Math.round(performance.now() - killedAt);
  await Promise.all([a, b].map((node) => node.untilSees("gateway-3", /^dead \(stalled\)$/)));
  // Recorded, not judged: this machine may be busy with other things.
  const deadMs = Math.round(performance.now() - killedAt);
  console.log(`suspect to both others after ${suspectMs} ms, dead after ${deadMs} ms`);

  // It was killed long after the last request, so the line of that one is written.
  const accessLog = readFileSync(accessLogOf("gateway-1"), "utf8");
  expect(accessLog).toContain("/app");
  expect(accessLog).not.toContain("_bifrost");
});
