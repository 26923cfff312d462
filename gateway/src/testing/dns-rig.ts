/** A real dnsmasq on 127.0.0.1, its records in a hosts file that it reads again on SIGHUP. */
import { writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { promises as dns } from "node:dns";
import { DnsDiscovery } from "../discovery/dns.ts";
import type { MethodRig } from "../discovery/discovery.contract.ts";
import type { DiscoveryBasics } from "../discovery/parts.ts";
import { freePort, type RunningServer, startServer, testFolder } from "./programs.ts";

export interface DnsServer {
  readonly server: string;
  /** Replaces the address records: `{"nodes.local": ["10.0.0.1"]}`. */
  setHosts(records: Readonly<Record<string, readonly string[]>>): void;
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** `more`: further options, such as `--srv-host=...`. */
export async function startDnsmasq(more: readonly string[] = []): Promise<DnsServer> {
  const folder = testFolder();
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const hosts = folder.file("hosts");
  writeFileSync(hosts, "");
  const options = [
    "--keep-in-foreground",
    "--no-resolv",
    "--no-hosts",
    "--conf-file=/dev/null",
    "--pid-file=",
    "--log-facility=-",
    "--bind-interfaces",
    "--listen-address=127.0.0.1",
    `--port=${port}`,
    `--user=${userInfo().username}`,
    "--local=/local/",
    "--local-ttl=1",
    `--addn-hosts=${hosts}`,
    ...more,
  ];
  let running: RunningServer | null = null;
  const start = async (): Promise<void> => {
    running = await startServer("dnsmasq", options, () => answers(address));
  };
  await start();
  const stop = async (): Promise<void> => {
    await running?.stop();
    running = null;
  };
  return {
    server: address,
    start,
    stop,
    setHosts(records) {
      const lines = Object.entries(records).flatMap(([name, ips]) =>
        ips.map((ip) => `${ip} ${name}\n`),
      );
      writeFileSync(hosts, lines.join(""));
      running?.signal("SIGHUP");
    },
    async close() {
      await stop();
      folder.remove();
    },
  };
}

/** A refusal is an answer too. */
async function answers(server: string): Promise<boolean> {
  const resolver = new dns.Resolver({ timeout: 200, tries: 1 });
  resolver.setServers([server]);
  try {
    await resolver.resolve4("is-there.local");
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOTFOUND";
  }
}

export function dnsDiscovery(
  server: string,
  names: readonly string[],
  basics: DiscoveryBasics,
): DnsDiscovery {
  const config = {
    type: "dns",
    names,
    serviceName: "",
    bindPort: 10101,
    dialTimeoutMs: 2000,
    allowedAddressSpace: [],
  } as const;
  return new DnsDiscovery(config, basics, [server]);
}

function ipOf(name: string): string {
  return `10.0.0.${name.charCodeAt(0)}`;
}

export async function dnsRig(): Promise<MethodRig> {
  const server = await startDnsmasq();
  const entered = new Set<string>();
  let isRubbishThere = false;
  const write = (): Promise<void> => {
    const rubbish = isRubbishThere ? ["0.0.0.0", "224.0.0.1", "255.255.255.255", "ff02::1"] : [];
    server.setHosts({ "nodes.local": [...[...entered].map(ipOf), ...rubbish] });
    return Promise.resolve();
  };
  return {
    addressOf: (name) => `${ipOf(name)}:10101`,
    make: (_, basics) => dnsDiscovery(server.server, ["nodes.local"], basics),
    enter(name) {
      entered.add(name);
      return write();
    },
    remove(name) {
      entered.delete(name);
      return write();
    },
    backend: server,
    rubbish() {
      isRubbishThere = true;
      return write();
    },
    close: () => server.close(),
  };
}
