/** ops/compose and ops/systemd: read as the programs they are for read them. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { loadClusterFile } from "@bifrost/gateway/cluster-config/load-cluster-file";
import { GATEWAY_VARIABLES } from "@bifrost/gateway/config";
import { describe, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { ROOT } from "../support/folders.ts";
import { freeBasePort } from "../support/ports.ts";
import { lacks } from "../support/processes.ts";
import { localNginxConfig, writeNginxConfig, startNginx } from "../support/nginx.ts";

const OPS = path.join(ROOT, "ops");
const COMPOSE = path.join(OPS, "compose");

const filesOf = (folder: string, ending: string) =>
  readdirSync(path.join(OPS, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => path.join(folder, name));

const read = (name: string): string => readFileSync(path.join(OPS, name), "utf8");

interface ComposeService {
  readonly image?: string;
  readonly extends?: { readonly file: string; readonly service: string };
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: readonly string[];
  readonly networks?: readonly string[];
  readonly network_mode?: string;
  readonly env_file?: string;
  readonly environment?: readonly string[] | Readonly<Record<string, string>>;
  readonly stop_grace_period?: string;
}

interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks?: Readonly<Record<string, unknown>>;
  readonly volumes?: Readonly<Record<string, unknown>>;
}

function composeFile(name: string): ComposeFile {
  const document = parseDocument(read(name));
  expect([...document.errors, ...document.warnings]).toEqual([]);
  return document.toJS() as ComposeFile;
}

const COMPOSE_FILES = filesOf("compose", ".yaml").filter((name) => !name.endsWith("gateway.yaml"));

describe.each(COMPOSE_FILES)("ops/%s", (name) => {
  const file = composeFile(name);
  const services = Object.entries(file.services);
  const gateways = services.filter(([service]) => service.startsWith("bifrost-"));

  test("has three gateways with one configuration, at ports 8080 to 8082", () => {
    expect(gateways.map(([, { ports }]) => ports?.[0])).toEqual([
      "8080:8080",
      "8081:8080",
      "8082:8080",
    ]);
    expect(new Set(gateways.map(([, { volumes }]) => volumes?.join(",")))).toHaveProperty(
      "size",
      1,
    );
    for (const [, { extends: base }] of gateways) {
      expect(composeFile(path.join("compose", base?.file ?? "")).services).toHaveProperty(
        base?.service ?? "",
      );
    }
  });

  test("names only files, services, networks and volumes that are there", () => {
    const mounts = services.flatMap(([, { volumes = [] }]) =>
      volumes.map((one) => one.split(":")[0] ?? ""),
    );
    const missing = [
      ...mounts.filter((from) =>
        from.startsWith("./")
          ? !existsSync(path.join(COMPOSE, from))
          : !(from in (file.volumes ?? {})),
      ),
      ...services.flatMap(([, { depends_on: needs = [] }]) =>
        needs.filter((service) => !(service in file.services)),
      ),
      ...services.flatMap(([, { networks = [] }]) =>
        networks.filter((network) => !(network in (file.networks ?? {}))),
      ),
    ];
    expect(missing).toEqual([]);
  });

  test("opens no port of the machine twice, and what needs a token or has none on loopback alone", () => {
    const published = services.flatMap(([, { ports = [] }]) => ports);
    const outside = published.map((port) => port.replace(/:\d+$/, ""));
    expect(outside).toEqual([...new Set(outside)]);
    const open = published.filter((port) => !port.startsWith("127.0.0.1:"));
    expect(open.filter((port) => !/^(80:80|808\d:8080)$/.test(port))).toEqual([]);
  });
});

const CONFIGS = filesOf(".", ".json").map((name): [string, string] => [
  name,
  /config\/(\w+)/.exec(name)?.[1] ?? (name.includes("kubernetes") ? "kubernetes" : "dns"),
]);

test.each(CONFIGS)(
  "the gateway takes ops/%s: discovery by %s, with the documented health checks",
  async (name, type) => {
    const file = path.join(OPS, name);
    const { cluster, configStore } = await loadClusterFile({ file, storePassword: null });
    expect(cluster?.discoveries.map((one) => one.type)).toEqual([type]);
    expect(cluster?.gossip).toMatchObject({
      port: 10_101,
      timeoutMs: 10_000,
      successThreshold: 3,
      failureThreshold: 3,
    });
    expect(configStore.type).toBe(name.includes("postgres") ? "postgres" : "firestore");
  },
);

describe.each(["compose/gateway.env.example", "systemd/gateway.env.example"])("ops/%s", (name) => {
  const names = [...read(name).matchAll(/^([A-Z_]+)=/gm)].map(([, variable = ""]) => variable);
  const all = Object.values(GATEWAY_VARIABLES);

  test("names every variable that has no default", () => {
    const required = all.filter((one) => !("fallback" in one)).map((one): string => one.name);
    expect(required.filter((one) => !names.includes(one))).toEqual([]);
  });

  test("names no variable that the gateway does not know", () => {
    const known = all.map((one): string => one.name);
    expect(names.filter((one) => !known.includes(one))).toEqual([]);
  });
});

describe("ops/compose/nginx.conf", () => {
  test("is what nginx takes, with the values a cluster needs", async ({ skip }) => {
    const missing = lacks("nginx");
    if (missing !== null) skip(missing);
    const base = await freeBasePort();
    const config = localNginxConfig(base, [base + 1, base + 2, base + 3]);
    const { stderr, status } = spawnSync("nginx", ["-t", ...writeNginxConfig(config).argv], {
      encoding: "utf8",
    });
    expect(stderr).toContain("test is successful");
    expect(status).toBe(0);
    const shipped = read("compose/nginx.conf");
    expect(shipped).toMatch(/worker_connections 1024;[^]*least_conn;/);
    expect(shipped.match(/server bifrost-\d:8080 max_fails=3 fail_timeout=30s;/g)).toHaveLength(3);
    expect(shipped.match(/proxy_(?:connect|send|read)_timeout 60s;/g)).toHaveLength(3);
  });

  test("answers /health itself, and 502 with no gateway behind it", async ({ skip }) => {
    const missing = lacks("nginx");
    if (missing !== null) skip(missing);
    const base = await freeBasePort();
    const nginx = await startNginx(base, [base + 1, base + 2, base + 3]);
    try {
      const health = await fetch(`${nginx.address}/health`);
      expect([health.status, health.headers.get("content-type")]).toEqual([200, "text/plain"]);
      expect(await health.text()).toBe("healthy\n");
      const other = await fetch(`${nginx.address}/healthz`);
      expect(other.status).toBe(502);
      await other.text();
    } finally {
      await nginx.stop();
    }
  });
});

describe("ops/systemd", () => {
  test("dnsmasq takes its records", ({ skip }) => {
    const missing = lacks("dnsmasq");
    if (missing !== null) skip(missing);
    const file = path.join(OPS, "systemd", "dnsmasq.conf");
    const { stderr, status } = spawnSync("dnsmasq", ["--test", "-C", file], { encoding: "utf8" });
    expect([status, stderr.trim()]).toEqual([0, "dnsmasq: syntax check OK."]);
  });

  test("the unit starts what the build makes, and lets it drain before it is killed", () => {
    const unit = read("systemd/bifrost-gateway.service");
    const valueOf = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(unit)?.[1] ?? "";
    expect(valueOf("ExecStart")).toBe(
      "/usr/bin/node --enable-source-maps /opt/bifrost/dist/gateway.mjs",
    );
    expect(readFileSync(path.join(ROOT, "scripts", "bundle.mjs"), "utf8")).toMatch(
      /^\s+gateway: "gateway\/src\/main.ts"/m,
    );
    const [, drainMs] =
      /DRAIN_MS = (\d+)/.exec(readFileSync(path.join(ROOT, "gateway/src/main.ts"), "utf8")) ?? [];
    expect(Number(valueOf("TimeoutStopSec")) * 1000).toBeGreaterThan(Number(drainMs) * 2);
    expect(valueOf("KillMode")).toBe("mixed");
    expect(valueOf("RestartPreventExitStatus")).toBe("78");
  });
});

test.each(filesOf(".", ".md"))("every link in ops/%s leads somewhere", (name) => {
  const links = [...read(name).matchAll(/\]\(([^)\s#]+)/g)].map(([, link = ""]) => link);
  const broken = links.filter(
    (link) => !/^[a-z]+:/.test(link) && !existsSync(path.join(OPS, path.dirname(name), link)),
  );
  expect(broken).toEqual([]);
});
