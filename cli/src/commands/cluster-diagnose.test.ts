import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { EXIT } from "../exit-code.ts";
import { run } from "../testing/captured.ts";
import {
  memberNamed,
  startControlServer,
  statusOf,
  TOKEN,
  type ControlServer,
} from "../testing/control-server.ts";
import { clusterDiagnose } from "./cluster-diagnose.ts";

const HOLDER = { BIFROST_CONTROL_TOKEN: TOKEN };

const running: ControlServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

async function start(nodeId: string): Promise<ControlServer> {
  const server = await startControlServer(statusOf([memberNamed(nodeId)]));
  running.push(server);
  return server;
}

const hostOf = ({ address }: ControlServer) => address.replace("http://", "");

/** Each of them knows all of them. */
function join(servers: readonly ControlServer[], more: Parameters<typeof statusOf>[1] = {}): void {
  const members = servers.map((server) =>
    memberNamed(server.status.local_node, { control: hostOf(server) }),
  );
  for (const server of servers) {
    server.status = { ...statusOf(members, more), local_node: server.status.local_node };
  }
}

describe("bifrost cluster diagnose", () => {
  test("asks the members that the named gateway knows, each once, and ends with 0 when all is well", async () => {
    const servers = await Promise.all(["node-1", "node-2", "node-3"].map(start));
    join(servers);
    const ran = await run(clusterDiagnose, { control: servers[0]?.address }, HOLDER);
    expect(ran.code).toBe(EXIT.ok);
    expect(ran.text).toContain("Asked node-1, node-2, node-3.");
    expect(ran.text).toMatch(/\d+ checks, 0 found something; \d+ are about discovery/);
    const [{ nodes, checks }] = ran.data as [{ nodes: string[]; checks: { verdict: string }[] }];
    expect([nodes.length, checks.filter(({ verdict }) => verdict === "trouble")]).toEqual([3, []]);
  });

  test("tells cause and remedy of what it finds, and ends with 9", async () => {
    const [one, other] = await Promise.all(["node-1", "node-2"].map(start));
    const addresses = [one, other].map((server) => server?.address).join(",");
    const ran = await run(clusterDiagnose, { control: addresses }, HOLDER);
    expect(ran.code).toBe(EXIT.notHealthy);
    expect(ran.text).toContain("trouble  nodes are divided into separate clusters");
    expect(ran.text).toContain("node-1: it does not count node-2, which runs");
    expect(ran.text).toMatch(/cause: The network between them is cut[^]*- check the connection/);
  });

  test("names a member that lives by gossip and whose control API is silent", async () => {
    const servers = await Promise.all(["node-1", "node-2"].map(start));
    join(servers);
    await servers[1]?.stop();
    const ran = await run(clusterDiagnose, { control: servers[0]?.address }, HOLDER);
    expect(ran.text).toContain(`${servers[1]?.address}: no answer from`);
    expect(ran.code).toBe(EXIT.notHealthy);
  });

  test("asks no second time, at an address of its own, a node that answered at the one that was named", async () => {
    const servers = await Promise.all(["node-1", "node-2"].map(start));
    const unreachable = ["node-1", "node-2"].map((name) =>
      memberNamed(name, { control: "127.0.0.1:1" }),
    );
    for (const server of servers) {
      server.status = { ...statusOf(unreachable), local_node: server.status.local_node };
    }
    const ran = await run(
      clusterDiagnose,
      { control: servers.map(({ address }) => address).join(",") },
      HOLDER,
    );
    expect(ran.text).toContain("Asked node-1, node-2.");
    expect(ran.code).toBe(EXIT.ok);
  });

  test("names a gateway that has another control token", async () => {
    const [one, other] = await Promise.all(["node-1", "node-2"].map(start));
    if (one === undefined || other === undefined) throw new Error("two were started");
    join([one, other]);
    other.token = "another";
    const ran = await run(clusterDiagnose, { control: one.address }, HOLDER);
    expect(ran.text).toContain("Asked node-1.");
    expect(ran.text).toContain(`${other.address}: ${other.address} shows its members`);
    expect(ran.code).toBe(EXIT.notHealthy);
  });

  test("says what the gateway says where it runs alone", async () => {
    const server = await start("node-1");
    server.instead = {
      status: 404,
      body: '{"type":"about:blank","title":"x","code":"not-found","status":404,"detail":"runs alone"}',
    };
    const alone = run(clusterDiagnose, { control: server.address }, HOLDER);
    await expect(alone).rejects.toMatchObject({ code: "not-found", message: "runs alone" });
  });

  test("looks at a log too", async () => {
    const server = await start("node-1");
    const folder = mkdtempSync(path.join(tmpdir(), "bifrost-log-"));
    const log = path.join(folder, "gateway.log");
    try {
      writeFileSync(log, '{"message":"skipping invalid host address","host":"127.0.0.1"}\n');
      const discovery = [{ type: "mdns", found: ["10.0.0.1:10101"], problem: null }];
      join([server], { discovery });
      const ran = await run(clusterDiagnose, { control: server.address, log }, HOLDER);
      expect(ran.text).toMatch(/log: \{"message":"skipping invalid host address".*\n +cause: mDNS/);
    } finally {
      rmSync(folder, { recursive: true });
    }
    const missing = { control: server.address, log };
    await expect(run(clusterDiagnose, missing, HOLDER)).rejects.toThrow("--log is not read");
  });

  test("lists with --all what it looked for and did not find", async () => {
    const server = await start("node-1");
    const ran = await run(clusterDiagnose, { control: server.address, all: true }, HOLDER);
    expect(ran.text).toMatch(/^ok +nodes are divided into separate clusters$/m);
    expect(ran.text).toMatch(/^unused +`etcd client error`$/m);
  });

  test("is for the holder of the token", async () => {
    const server = await start("node-1");
    const stranger = run(clusterDiagnose, { control: server.address });
    await expect(stranger).rejects.toMatchObject({ code: "unauthenticated" });
    const control = `127.0.0.1:1,${server.address}`;
    const beside = run(clusterDiagnose, { control });
    await expect(beside).rejects.toMatchObject({ code: "unauthenticated" });
  });
});
