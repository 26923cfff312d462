/** Against a real dnsmasq. */
import { systemTimers } from "@bifrost/shared/domain/time";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { dnsDiscovery, dnsRig, type DnsServer, startDnsmasq } from "../testing/dns-rig.ts";
import { keptLog } from "../testing/logged.ts";
import { lacks } from "../testing/programs.ts";
import { discoveryContract } from "./discovery.contract.ts";

const missing = lacks("dnsmasq");
discoveryContract("dns", dnsRig, { missing, hasBackend: true });

describe("names", () => {
  let server: DnsServer;
  const stops: (() => Promise<void>)[] = [];

  beforeEach(async (context) => {
    if (missing !== null) context.skip(missing);
    server = await startDnsmasq([
      "--srv-host=_gossip._tcp.services.local,one.local,10111",
      "--srv-host=_gossip._tcp.services.local,two.local,10112",
      "--srv-host=_gossip._tcp.services.local,gone.local,10113",
      // A CNAME whose target has no addresses: dnsmasq itself would not answer with one.
      "--dns-rr=alias.local,5,076e6f7768657265056c6f63616c00",
    ]);
    server.setHosts({
      "one.local": ["10.0.0.1"],
      "two.local": ["10.0.0.2"],
      "more.local": ["10.0.1.1", "10.0.1.2", "fd00::7"],
    });
  });

  afterEach(async () => {
    if (missing !== null) return;
    await Promise.all(stops.splice(0).map((stop) => stop()));
    await server.close();
  });

  async function startNode(...names: readonly string[]) {
    const { log, lines } = keptLog();
    const node = dnsDiscovery(server.server, names, {
      log,
      timers: systemTimers,
      random: Math.random,
    });
    stops.push(() => node.stop());
    let found: readonly string[] = [];
    const onFound = (addresses: readonly string[]): void => void (found = addresses);
    await node.start({ nodeId: "a", address: "10.0.1.2:10101" }, { onFound });
    const finds = (...wanted: readonly string[]) =>
      vi.waitFor(() => expect(found).toEqual(wanted), { timeout: 5000, interval: 10 });
    return { node, lines, finds };
  }

  test("SRV records carry the port, addresses get bind_port, and the own address is left out", async () => {
    const { node, finds } = await startNode("_gossip._tcp.services.local", "more.local");
    await finds("10.0.0.1:10111", "10.0.0.2:10112", "10.0.1.1:10101", "[fd00::7]:10101");
    expect(node.problem()).toBeNull();
  });

  test("a name that does not exist is told, and takes nothing from the others", async () => {
    const { node, lines, finds } = await startNode("missing.local", "one.local");
    await finds("10.0.0.1:10101");
    expect(node.problem()).toContain("dns lookup error");
    expect(lines.find(({ event }) => event === "dns lookup error")?.fields).toMatchObject({
      name: "missing.local",
      remedy: expect.stringContaining("nslookup"),
    });
  });

  test("a CNAME without addresses is told as what it is", async () => {
    const { lines } = await startNode("alias.local");
    expect(lines).toContainEqual(
      expect.objectContaining({
        event: "dns name resolves to a CNAME without addresses",
        fields: expect.objectContaining({ name: "alias.local", target: "nowhere.local" }),
      }),
    );
  });
});

test("the hosts file of the machine counts", async () => {
  const { DnsDiscovery } = await import("./dns.ts");
  const { log } = keptLog();
  const common = { serviceName: "", bindPort: 10101, dialTimeoutMs: 5000, allowedAddressSpace: [] };
  const node = new DnsDiscovery(
    { type: "dns", names: ["localhost"], ...common },
    { log, timers: systemTimers, random: Math.random },
  );
  const found: (readonly string[])[] = [];
  await node.start(
    { nodeId: "a", address: "10.0.0.9:10101" },
    { onFound: (set) => found.push(set) },
  );
  await node.stop();
  expect(found.flat()).toContain("127.0.0.1:10101");
});
