/** Several gateways on one machine: which ports they have, and what they read. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { loadClusterFile } from "@bifrost/gateway/cluster-config/load-cluster-file";
import { gossipKeysForm } from "@bifrost/gateway/cluster-config/secret-forms";
import * as v from "valibot";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { addressesFrom, assertFree } from "./addresses.ts";
import { clusterVariables, keysFileOf, writeClusterFiles } from "./assemble/cluster-files.ts";
import { readLocalConfig } from "./config.ts";
import { gatewaysFrom } from "./gateways.ts";

/** Below what the system hands out, and beside what tests of whole platforms choose. */
const BASE = 25_000 + 20 * Math.floor(Math.random() * 200);

let home: string;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "bifrost-gateways-"));
});
afterEach(() => rmSync(home, { recursive: true }));

const options = (...argv: string[]) => readLocalConfig(home, argv, {});

describe("npm start -- --gateways", () => {
  test("starts one gateway unless told otherwise", () => {
    expect(options().gateways).toBe(1);
    expect(options("--gateways", "3")).toMatchObject({ gateways: 3, basePort: 8080 });
  });

  test.each(["0", "10", "-1", "three", "1.5", "1e0", "", " 3"])("refuses %j", (found) => {
    expect(() => options(`--gateways=${found}`)).toThrow(
      `--gateways must be a number from 1 to 9, found ${JSON.stringify(found)}`,
    );
  });

  test("leaves room for the gossip ports above the base port", () => {
    expect(options("--port", "65000").basePort).toBe(65_000);
    expect(() => options("--port", "65000", "--gateways", "2")).toThrow("from 1024 to 63505");
    const addresses = addressesFrom(options("--port", "63505", "--gateways", "9").basePort);
    expect(gatewaysFrom(addresses, 9).at(-1)?.gossip).toBeLessThanOrEqual(65_535);
  });
});

describe("the gateways' ports", () => {
  test("of the default base port have gossip at 10101 to 10103, and the first one keeps its own", () => {
    const gateways = gatewaysFrom(addressesFrom(8080), 3);
    expect(
      gateways.map(({ nodeId, traffic, control, gossip }) => [nodeId, traffic, control, gossip]),
    ).toEqual([
      ["gateway-1", 8080, 8083, 10_101],
      ["gateway-2", 8095, 8096, 10_102],
      ["gateway-3", 8097, 8098, 10_103],
    ]);
  });

  test("are all different, and no other program's", () => {
    const addresses = addressesFrom(8080);
    const gateways = gatewaysFrom(addresses, 9);
    const { gateway, control, ...others } = addresses;
    const all = [
      ...Object.values(others),
      ...gateways.flatMap((one) => [one.traffic, one.control, one.gossip]),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(gateways[0]).toMatchObject({ traffic: gateway, control });
  });

  test("that are taken are named, TCP and UDP; without a cluster nobody asks for them", async () => {
    const addresses = addressesFrom(BASE);
    const gateways = gatewaysFrom(addresses, 3);
    await assertFree(addresses, gateways);
    const server = createServer().listen(gateways[1]?.traffic, "127.0.0.1");
    const socket = createSocket("udp4").bind(gateways[2]?.gossip, "127.0.0.1");
    await Promise.all([once(server, "listening"), once(socket, "listening")]);
    try {
      const taken = [
        `${gateways[1]?.traffic} (gateway-2)`,
        `${gateways[2]?.gossip} (gossip of gateway-3, UDP)`,
      ];
      const refused = assertFree(addresses, gateways);
      await expect(refused).rejects.toMatchObject({ code: "port-taken", facts: { taken } });
      await assertFree(addresses, gateways.slice(0, 1));
    } finally {
      server.close();
      socket.close();
    }
  });
});

function context() {
  return {
    config: options("--home", home, "--gateways", "3"),
    gateways: gatewaysFrom(addressesFrom(8080), 3),
  };
}

describe("what the gateways read", () => {
  test("are files that the gateway takes, and that name the others as peers", async () => {
    writeClusterFiles(context());
    const files = context().gateways.map(
      (one) => clusterVariables(context(), one)["BIFROST_CONFIG"],
    );
    const clusters = await Promise.all(
      files.map(
        async (file = "") => (await loadClusterFile({ file, storePassword: null })).cluster,
      ),
    );
    expect(clusters.map((cluster) => cluster?.nodeId)).toEqual([
      "gateway-1",
      "gateway-2",
      "gateway-3",
    ]);
    const all = ["127.0.0.1:10101", "127.0.0.1:10102", "127.0.0.1:10103"];
    for (const [index, cluster] of clusters.entries()) {
      expect(cluster?.advertise).toBe(all[index]);
      expect(cluster?.bindAddress).toBe("127.0.0.1");
      expect(cluster?.gossip.port).toBe(10_101 + index);
      expect(cluster?.peers).toEqual(all.filter((_, other) => other !== index));
    }
  });

  test("is sealed with a key that is made once, is this user's only, and is read anew at each start", () => {
    writeClusterFiles(context());
    const file = keysFileOf(context());
    const keys = readFileSync(file, "utf8");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(v.parse(gossipKeysForm, keys.trim())).toMatchObject([{ id: 1 }]);
    writeClusterFiles(context());
    expect(readFileSync(file, "utf8")).toBe(keys);
    const [first] = context().gateways;
    if (first === undefined) throw new Error("there is no gateway");
    const rotated = `2:${Buffer.alloc(32).toString("base64")}`;
    writeFileSync(file, `${rotated}\n`);
    expect(clusterVariables(context(), first)["BIFROST_GOSSIP_KEYS"]).toBe(rotated);
  });
});
