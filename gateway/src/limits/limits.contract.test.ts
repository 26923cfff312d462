/** Limits over three gateways as they are shipped, asked over real connections, while one of them is killed. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { limitsScope } from "../policies/policy-host.ts";
import { GatewayClusterRig } from "../testing/gateway-cluster.ts";
import { GatewayPrograms } from "../testing/gateway-program.ts";
import { eventually } from "../testing/test-gateway.ts";
import { WAIT_MS } from "../testing/cluster-rig.ts";
import { mostBeyond, PacedLoad } from "../testing/paced-load.ts";
import { hashOf } from "./key-counts.ts";
import { LIMIT_MODES, type LimitMode } from "./limiter.ts";
import { Standing } from "./standing.ts";

const NAMES = ["a", "b", "c"] as const;
const LIMIT = { rate: 60, burst: 60 };
/** Of each gateway: twice the limit over all three. */
const PER_SECOND = (2 * LIMIT.rate) / NAMES.length;
const BEFORE_MS = 3000;
const AFTER_MS = 4000;
/** Clocks are read in whole ms, the clients' and the gateways' at different moments of one. */
const READING = (2 * LIMIT.rate) / 1000;
/**
 * What the others spend before a gateway has heard of it: by both others, for a fifth of a second (reports every 50 ms, packets
 * every 100 ms, and the way), with nothing extrapolated. Gateways that shared nothing would be beyond it tenfold.
 */
const UNSEEN = 0.2 * 2 * PER_SECOND;
/** Nobody waits for a lease longer than this. */
const LONGEST_WAIT_MS = 1000;

const configOf = (mode: LimitMode) => ({ ...LIMIT, by: "header", name: "x-client", mode });
const attached = (mode: LimitMode) => ({ policy: "standard/rate-limit", config: configOf(mode) });

let programs: GatewayPrograms;
let rig: GatewayClusterRig;
beforeAll(async () => {
  const paths = LIMIT_MODES.map((mode) => ({ prefix: `/${mode}`, policies: [attached(mode)] }));
  programs = await GatewayPrograms.build({ paths });
  rig = new GatewayClusterRig(programs);
});
afterAll(async () => {
  await programs.close();
  rig.close();
});

/** Whose strict limit the gateway of this name lends. */
function clientOf(owner: string): string {
  const scope = limitsScope("standard/rate-limit", configOf("strict"), "shop");
  const standing = new Standing(owner, { keepMs: 1, lookMs: 0 }, 0);
  const meta = { region: "", host: "", control: "", version: "", epoch: 0 };
  const alive = { address: "", incarnation: 0, state: "alive", evidence: null, meta } as const;
  for (const id of NAMES) standing.see({ ...alive, id, since: 0 }, 0);
  for (let i = 0; ; i++) {
    // As the policy has it: the first letter tells a header's value from an address.
    if (standing.ownerOf(hashOf(scope, `=client-${i}`), 0).owner === owner) return `client-${i}`;
  }
}

test("three gateways hold a limit together in each mode, also while the one that lends it is killed", async () => {
  const [a, b, c] = await rig.start(...NAMES);
  if (a === undefined || b === undefined || c === undefined) throw new Error("unreachable");
  const ports = [a, b, c].map(({ program }) => program.port);
  const client = clientOf("b");
  const load = (mode: LimitMode, name = client) =>
    new PacedLoad(ports, {
      path: `/${mode}`,
      headers: { "x-client": name },
      perSecond: PER_SECOND,
    });
  // Scripts are loaded when they are first asked.
  const first = LIMIT_MODES.map((mode) => load(mode, "somebody else"));
  await eventually("all serve", () => first.every(({ passed }) => passed.length > 3), WAIT_MS);
  await Promise.all(first.map((one) => one.stop()));
  const loads = { strict: load("strict"), balanced: load("balanced"), split: load("split") };
  await new Promise((resolve) => setTimeout(resolve, BEFORE_MS));
  const killedAt = performance.now();
  b.program.child.kill("SIGKILL");
  await new Promise((resolve) => setTimeout(resolve, AFTER_MS));
  await Promise.all(Object.values(loads).map((one) => one.stop()));

  const { strict, balanced, split } = loads;
  expect(mostBeyond(strict.passed, LIMIT)).toBeLessThanOrEqual(READING);
  expect(mostBeyond(balanced.passed, LIMIT)).toBeLessThanOrEqual(UNSEEN);
  expect(mostBeyond(split.passed, LIMIT)).toBeLessThanOrEqual(READING);
  const share = { rate: LIMIT.rate / 3, burst: LIMIT.burst / 3 };
  for (const port of ports) {
    const before = split.passed.filter((one) => one.port === port && one.answeredAt <= killedAt);
    expect(mostBeyond(before, share)).toBeLessThanOrEqual(READING);
  }
  const others = ports.filter((port) => port !== b.program.port);
  for (const one of Object.values(loads)) {
    const stayed = one.asked.filter(({ port }) => others.includes(port));
    // Whoever had to wait for a lease was answered, one or the other.
    expect(new Set(stayed.map(({ status }) => status))).toEqual(new Set([200, 429]));
    // The limit is given, not only kept: while all are there, and again with two.
    const end = killedAt + AFTER_MS;
    expect(passedIn(one, killedAt - BEFORE_MS, killedAt)).toBeGreaterThan(1.5 * LIMIT.rate);
    expect(passedIn(one, end - 2000, end)).toBeGreaterThan(LIMIT.rate);
  }
  // This machine may be busy with other things: then they are late by as much who never wait.
  expect(slowest(strict)).toBeLessThan(LONGEST_WAIT_MS + 2 * slowest(split) + 100);
  console.log(
    Object.entries(loads)
      .map(
        ([mode, one]) =>
          `${mode}: ${one.passed.length} of ${one.asked.length} passed, ${mostBeyond(one.passed, LIMIT).toFixed(1)} beyond the limit, the slowest answer after ${slowest(one).toFixed(0)} ms`,
      )
      .join("\n"),
  );
});

function slowest({ asked }: PacedLoad): number {
  return Math.max(...asked.map(({ at, answeredAt }) => answeredAt - at));
}

function passedIn({ passed }: PacedLoad, from: number, to: number): number {
  return passed.filter(({ at, answeredAt }) => at >= from && answeredAt <= to).length;
}
