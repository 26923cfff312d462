/** Three gateways as one cluster behind nginx: restarted one after the other under load, and one of them killed. */
import type { ClusterStatus } from "@bifrost/shared/api/cluster";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { App } from "../support/app.ts";
import { loadBalanced, type BalancedLoad } from "../support/balanced-load.ts";
import { nodeApp } from "../support/folders.ts";
import { type RunningNginx, startNginx } from "../support/nginx.ts";
import { freeBasePort } from "../support/ports.ts";
import { endedWith, lacks } from "../support/processes.ts";
import { type PlatformUnderTest, startPlatform } from "../support/platform.ts";
import { until } from "../support/until.ts";

/** Name of the program, and distances of its ports from the base port: see local/src/gateways.ts. */
const GATEWAYS = [
  { name: "gateway", nodeId: "gateway-1", traffic: 0, control: 3 },
  { name: "gateway-2", nodeId: "gateway-2", traffic: 15, control: 16 },
  { name: "gateway-3", nodeId: "gateway-3", traffic: 17, control: 18 },
] as const;
type Gateway = (typeof GATEWAYS)[number];

const byName = (one: string, other: string) => one.localeCompare(other);
const CLIENTS = 4;
const BODY = "hello from shop";

let platform: PlatformUnderTest;
let nginx: RunningNginx | null = null;
beforeAll(async () => {
  platform = await startPlatform({ args: ["--no-demo", "--gateways", "3"] });
  const app = await App.create(platform, "shop", nodeApp("shop", { answer: BODY }));
  await platform.untilDeployment((await app.push()).id);
  if (lacks("nginx") === null) {
    const ports = GATEWAYS.map(({ traffic }) => platform.port + traffic);
    nginx = await startNginx(await freeBasePort(), ports);
  }
});
afterAll(async () => {
  await nginx?.stop();
  await platform.stop();
});

async function statusAt(gateway: Gateway): Promise<ClusterStatus> {
  const response = await fetch(`${platform.address(gateway.control)}/cluster/status`);
  return (await response.json()) as ClusterStatus;
}

/** It serves, and counts three healthy members. */
async function seesAll(gateway: Gateway): Promise<boolean> {
  const ready = await fetch(`${platform.address(gateway.control)}/ready`);
  await ready.body?.cancel();
  const { cluster_health: health, healthy_members: healthy } = await statusAt(gateway);
  return ready.ok && health === "HEALTHY" && healthy === GATEWAYS.length;
}

function untilWhole(): Promise<boolean> {
  return until(async () => (await Promise.all(GATEWAYS.map(seesAll))).every(Boolean), {
    what: "a whole cluster",
    timeoutMs: 60_000,
  });
}

async function pidOf({ name }: Gateway): Promise<number> {
  return (await platform.info())["programs"]?.[name];
}

/** As whoever looks after it does: told to end, it is started again. */
async function endGateway(gateway: Gateway, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  const former = await pidOf(gateway);
  process.kill(former, signal);
  await until(async () => ![former, null].includes(await pidOf(gateway)), {
    what: `another ${gateway.name}`,
  });
  await untilWhole();
}

function load({ address }: RunningNginx): BalancedLoad {
  return loadBalanced({ address, host: platform.hostOf("shop"), body: BODY, clients: CLIENTS });
}

/** Some requests later, so that what happens next happens under load. */
async function untilMore({ answered }: BalancedLoad): Promise<void> {
  const before = answered.POST;
  await until(() => answered.POST > before + 50, { what: "more answers" });
}

describe("three gateways", () => {
  test("are one cluster, which the command line finds by itself", async () => {
    await untilWhole();
    const { stdout } = endedWith(0, await platform.cli(["cluster", "status", "--json"]));
    const { details, ...seen } = JSON.parse(stdout) as ClusterStatus;
    expect(seen).toEqual({
      local_node: "gateway-1",
      members: 3,
      healthy_members: 3,
      cluster_health: "HEALTHY",
    });
    const members = details?.members.map(({ nodeId, state }) => [nodeId, state]);
    expect(members).toEqual(
      expect.arrayContaining(GATEWAYS.map(({ nodeId }) => [nodeId, "alive"])),
    );
    // What it finds depends on how busy this machine is: all were asked, and none is amiss by its state.
    const diagnosis = JSON.parse(
      (await platform.cli(["cluster", "diagnose", "--json"])).stdout,
    ) as {
      readonly nodes: readonly string[];
      readonly checks: readonly { readonly name: string; readonly verdict: string }[];
    };
    expect(diagnosis.nodes).toEqual(GATEWAYS.map(({ nodeId }) => nodeId));
    const isOk = (name: string) =>
      diagnosis.checks.find((check) => check.name === name)?.verdict === "ok";
    expect(["no-answer", "no-gossip", "one-member", "split", "lost-member"].every(isOk)).toBe(true);
    for (const { nodeId } of GATEWAYS) {
      expect(platform.printed).toMatch(
        new RegExp(`^${nodeId} +http://127.0.0.1:\\d+ control \\d+, gossip \\d+$`, "m"),
      );
    }
  });

  test("get a new key for their gossip without a restart, and one that is restarted then has it", async () => {
    const { stdout } = endedWith(0, await platform.cli(["cluster", "keys", "rotate"]));
    expect(stdout).toBe(
      "Key 2 is known to every node.\nKey 2 seals what every node sends.\nKey 1 is forgotten.\n",
    );
    await endGateway(GATEWAYS[2], "SIGTERM");
    const answer = endedWith(0, await platform.cli(["cluster", "status", "--json"]));
    const { details } = JSON.parse(answer.stdout) as ClusterStatus;
    const keys = details?.keys.map((key) => ({
      ...key,
      installedAt: key.installedAt.toSorted(byName),
    }));
    const everyone = GATEWAYS.map(({ nodeId }) => nodeId);
    expect(keys).toEqual([{ id: 2, isPrimary: true, installedAt: everyone }]);
  });

  test("lose no request while one after the other is taken out of nginx, restarted and put back", async ({
    skip,
  }) => {
    const balancer = nginx ?? skip("nginx is not installed");
    const traffic = load(balancer);
    await untilMore(traffic);
    for (const [index, gateway] of GATEWAYS.entries()) {
      await balancer.takeOut([index]);
      await endGateway(gateway, "SIGTERM");
      await balancer.takeOut([]);
      await untilMore(traffic);
    }
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
    expect(traffic.answered.GET).toBeGreaterThan(200);
  });

  // nginx repeats a GET whose connection broke, and no POST that had been sent.
  test.for([
    ["restarted without a word to nginx", GATEWAYS[0], "SIGTERM"],
    ["killed", GATEWAYS[1], "SIGKILL"],
  ] as const)(
    "lose no GET when one is %s, and POSTs with a 502 at worst",
    async ([, gateway, signal], { skip }) => {
      const traffic = load(nginx ?? skip("nginx is not installed"));
      await untilMore(traffic);
      await endGateway(gateway, signal);
      await untilMore(traffic);
      await traffic.stop();
      expect(traffic.answered.GET).toBeGreaterThan(100);
      expect(traffic.failures.filter((one) => !one.startsWith("POST: 502 "))).toEqual([]);
    },
  );
});
