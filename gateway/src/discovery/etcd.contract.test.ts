/** Against a real etcd. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { systemTimers } from "@bifrost/shared/domain/time";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  etcdDiscovery,
  etcdRig,
  type EtcdServer,
  SERVICE,
  startEtcd,
} from "../testing/etcd-rig.ts";
import { keptLog } from "../testing/logged.ts";
import { lacks, testFolder } from "../testing/programs.ts";
import { discoveryContract } from "./discovery.contract.ts";
import type { EtcdOptions } from "./etcd.ts";

const missing = lacks("etcd");
discoveryContract("etcd", etcdRig, { missing, hasBackend: true });

const WAIT = { timeout: 10_000, interval: 10 } as const;
const KEY = `/services/${SERVICE}/a`;

describe("a node in etcd", () => {
  let etcd: EtcdServer;
  const stops: (() => Promise<void>)[] = [];

  beforeEach(async (context) => {
    if (missing !== null) context.skip(missing);
    etcd = await startEtcd();
  });

  afterEach(async () => {
    if (missing !== null) return;
    await Promise.all(stops.splice(0).map((stop) => stop()));
    await etcd.close();
  });

  async function startNode(url: string, options: Partial<EtcdOptions> = {}) {
    const { log, lines, events } = keptLog();
    const node = etcdDiscovery(url, { log, timers: systemTimers, random: Math.random, ...options });
    stops.push(() => node.stop());
    let found: readonly string[] = [];
    const onFound = (addresses: readonly string[]): void => void (found = addresses);
    await node.start({ nodeId: "a", address: "10.0.0.1:10101" }, { onFound });
    const finds = (...wanted: readonly string[]) =>
      vi.waitFor(() => expect(found).toEqual(wanted), WAIT);
    return { node, lines, events, finds };
  }

  const keyIs = (value: unknown) =>
    vi.waitFor(async () => expect(await etcd.client.get(KEY).json()).toEqual(value), WAIT);

  test("has a key of its own under a lease of 30 seconds, which goes at once when it stops", async () => {
    const { node } = await startNode(etcd.url);
    await keyIs({ address: "10.0.0.1:10101" });
    const { kvs } = await etcd.client.get(KEY).exec();
    const { leases } = await etcd.client.leaseClient.leaseLeases();
    expect(kvs.map(({ lease }) => lease)).toEqual(leases.map(({ ID }) => ID));
    const [ID = ""] = leases.map((lease) => lease.ID);
    const { grantedTTL } = await etcd.client.leaseClient.leaseTimeToLive({ ID });
    expect(grantedTTL).toBe("30");
    await node.stop();
    expect(await etcd.client.get(KEY)).toBeNull();
  });

  test("whose lease is revoked registers again, and the third time is told apart", async () => {
    const { node, events } = await startNode(etcd.url);
    for (const time of [1, 2, 3]) {
      const { leases } = await etcd.client.leaseClient.leaseLeases();
      for (const { ID } of leases) await etcd.client.leaseClient.leaseRevoke({ ID });
      await vi.waitFor(
        () =>
          expect(
            events().filter((one) => one === "lease lost, registering with etcd again").length,
          ).toBe(Math.min(time, 1)),
        WAIT,
      );
      await keyIs({ address: "10.0.0.1:10101" });
    }
    expect(events()).toContain("node repeatedly registering and deregistering");
    expect(node.problem()).toBeNull();
  });

  test("registers again in an etcd that came back with nothing in it", async () => {
    await startNode(etcd.url);
    await keyIs({ address: "10.0.0.1:10101" });
    await etcd.stop();
    await etcd.start("fresh");
    await keyIs({ address: "10.0.0.1:10101" });
  });

  test("forgets a node that crashed once its lease has run out", async () => {
    const crashed = etcd.client.lease(1, { autoKeepAlive: false });
    await crashed.put(`/services/${SERVICE}/b`).value('{"address":"10.0.0.2:10101"}');
    const { finds } = await startNode(etcd.url);
    await finds("10.0.0.2:10101");
    await finds();
  });

  test("an etcd that is away is an etcd client error, with what to look at", async () => {
    await etcd.stop();
    const { node, lines } = await startNode(etcd.url);
    expect(node.problem()).toContain("etcd client error");
    expect(lines.find(({ event }) => event === "etcd client error")).toMatchObject({
      level: "error",
      fields: { endpoints: [etcd.url], remedy: expect.stringContaining("dial_timeout") },
    });
  });

  test("with authentication it needs the user's password", async () => {
    await etcd.client.user("root").create("root-password");
    await etcd.client.user("root").addRole("root");
    const role = etcd.client.role("nodes");
    await role.create();
    await role.grant({
      permission: "Readwrite",
      range: etcd.client.range({ prefix: "/services/" }),
    });
    await etcd.client.user("bifrost").create("right");
    await etcd.client.user("bifrost").addRole("nodes");
    await etcd.client.auth.authEnable();
    const wrong = await startNode(etcd.url, {
      credentials: { username: "bifrost", password: "wrong" },
    });
    expect(wrong.events()).toContain("failed to register with etcd");
    const none = await startNode(etcd.url);
    expect(none.events()).toContain("failed to register with etcd");
    const right = await startNode(etcd.url, {
      credentials: { username: "bifrost", password: "right" },
    });
    expect(right.node.problem()).toBeNull();
    expect(JSON.stringify([...wrong.lines, ...right.lines])).not.toMatch(/"wrong"|"right"/);
  });

  test("over https it believes the authority it is given, and no other", async () => {
    const folder = testFolder();
    const [key, cert] = [folder.file("key.pem"), folder.file("cert.pem")];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=etcd",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        key,
        "-out",
        cert,
      ],
      { stdio: "ignore" },
    );
    const secure = await startEtcd([`--cert-file=${cert}`, `--key-file=${key}`], "https");
    stops.push(async () => {
      await secure.close();
      folder.remove();
    });
    const trusting = await startNode(secure.url, { authority: readFileSync(cert, "utf8") });
    expect(trusting.node.problem()).toBeNull();
    const wary = await startNode(secure.url);
    expect(wary.events()).toContain("etcd client error");
  });
});
