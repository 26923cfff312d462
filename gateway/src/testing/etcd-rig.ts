/** A real etcd, with its data in a folder of its own. */
import { Etcd3 } from "etcd3";
import { EtcdDiscovery, type EtcdOptions } from "../discovery/etcd.ts";
import type { MethodRig } from "../discovery/discovery.contract.ts";
import { freePort, type RunningServer, startServer, testFolder } from "./programs.ts";

export const SERVICE = "bifrost-cluster";

export interface EtcdServer {
  readonly url: string;
  readonly client: Etcd3;
  stop(): Promise<void>;
  /** `fresh`: with nothing in it. */
  start(data?: "kept" | "fresh"): Promise<void>;
  close(): Promise<void>;
}

export async function startEtcd(
  more: readonly string[] = [],
  scheme = "http",
): Promise<EtcdServer> {
  const folder = testFolder();
  const [port, peerPort] = [await freePort(), await freePort()];
  const [url, peerUrl] = [`${scheme}://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
  const client = new Etcd3({ hosts: `http://127.0.0.1:${port}` });
  let generation = 0;
  let server: RunningServer | null = null;
  const start = async (data: "kept" | "fresh" = "kept"): Promise<void> => {
    if (data === "fresh") generation++;
    const options = {
      "--data-dir": folder.file(`data-${generation}`),
      "--listen-client-urls": url,
      "--advertise-client-urls": url,
      "--listen-peer-urls": peerUrl,
      "--initial-advertise-peer-urls": peerUrl,
      "--initial-cluster": `default=${peerUrl}`,
      // Nothing here has to survive a loss of power.
      "--unsafe-no-fsync": "true",
      // It is its own leader: nobody else has to be waited for.
      "--heartbeat-interval": "10",
      "--election-timeout": "100",
    };
    const args = Object.entries(options).map(([name, value]) => `${name}=${value}`);
    server = await startServer("etcd", [...args, ...more], (output) =>
      output.includes("ready to serve client requests"),
    );
  };
  await start();
  const stop = async (): Promise<void> => {
    await server?.stop();
    server = null;
  };
  return {
    url,
    client,
    start,
    stop,
    async close() {
      client.close();
      await stop();
      folder.remove();
    },
  };
}

export function etcdDiscovery(
  url: string,
  options: Partial<EtcdOptions> & Pick<EtcdOptions, "log" | "timers" | "random">,
) {
  return new EtcdDiscovery({
    config: {
      type: "etcd",
      endpoints: [url],
      serviceName: SERVICE,
      bindPort: 10101,
      dialTimeoutMs: 2000,
      allowedAddressSpace: [],
    },
    credentials: null,
    ...options,
  });
}

export async function etcdRig(): Promise<MethodRig> {
  const etcd = await startEtcd();
  return {
    addressOf: (name) => `10.0.0.${name.charCodeAt(0)}:10101`,
    make: (_, basics) => etcdDiscovery(etcd.url, { ...basics, leaseSeconds: 2 }),
    backend: etcd,
    async rubbish() {
      const values = [
        "",
        "{",
        "7",
        "null",
        '{"address":7}',
        '{"address":"a b:1"}',
        `"${"x".repeat(100_000)}"`,
      ];
      for (const [index, value] of values.entries()) {
        await etcd.client.put(`/services/${SERVICE}/rubbish-${index}`).value(value);
      }
    },
    close: () => etcd.close(),
  };
}
