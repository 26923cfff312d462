/** A running stand-in with a real client and a tiny image, for contract tests. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AppsV1Api,
  CoreV1Api,
  DiscoveryV1Api,
  KubeConfig,
  KubernetesObjectApi,
  PatchStrategy,
} from "@kubernetes/client-node";
import type { KubernetesObject } from "@kubernetes/client-node";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { detectSandbox } from "../../sandbox/detect-sandbox.ts";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { startKubernetes } from "../index.ts";
import type { KubernetesOptions, PodLogLine, PulledImage, RunningKubernetes } from "../index.ts";

export interface Cluster {
  readonly kubernetes: RunningKubernetes;
  readonly sandbox: Sandbox;
  readonly config: KubeConfig;
  readonly objects: KubernetesObjectApi;
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly discovery: DiscoveryV1Api;
  readonly logs: PodLogLine[];
  readonly dataDir: string;
  apply(
    object: unknown,
    more?: { manager?: string; force?: boolean; dryRun?: boolean },
  ): Promise<KubernetesObject>;
  stop(): Promise<void>;
}

/** Sources of images by reference: what `/app/main.js` holds. */
export type Images = Readonly<Record<string, string>>;

export async function startCluster(
  images: Images,
  more: Partial<KubernetesOptions> = {},
): Promise<Cluster> {
  const root = mkdtempSync(join(tmpdir(), "kubernetes-test-"));
  const dataDir = more.dataDir ?? join(root, "data");
  const sandbox = await detectSandbox({
    log: silentLogger,
    timers: systemTimers,
    stateDir: join(root, "sandbox"),
    toolchainPrefixes: [],
  });
  const logs: PodLogLine[] = [];
  const kubernetes = await startKubernetes({
    timers: systemTimers,
    log: silentLogger,
    sandbox,
    pullImage: (reference) => Promise.resolve(unpack(root, images, reference)),
    writeLogs: (entries) => logs.push(...entries),
    ...more,
    dataDir,
  });
  const config = new KubeConfig();
  config.loadFromString(kubernetes.kubeconfig());
  const objects = KubernetesObjectApi.makeApiClient(config);
  return {
    kubernetes,
    sandbox,
    config,
    objects,
    core: config.makeApiClient(CoreV1Api),
    apps: config.makeApiClient(AppsV1Api),
    discovery: config.makeApiClient(DiscoveryV1Api),
    logs,
    dataDir,
    apply: (object, { manager = "test", force = false, dryRun = false } = {}) =>
      objects.patch(
        object as KubernetesObject,
        undefined,
        dryRun ? "All" : undefined,
        manager,
        force,
        PatchStrategy.ServerSideApply,
      ),
    async stop() {
      await kubernetes.stop();
      await sandbox.close();
      if (more.dataDir === undefined) rmSync(root, { recursive: true, force: true });
    },
  };
}

function unpack(root: string, images: Images, reference: string): PulledImage {
  const source = images[reference];
  if (source === undefined) throw new Error(`manifest of ${reference} unknown`);
  const rootDir = join(root, "images", reference.replaceAll(/[^a-z0-9]/g, "-"));
  mkdirSync(join(rootDir, "app"), { recursive: true });
  writeFileSync(join(rootDir, "app", "main.js"), source);
  return {
    rootDir,
    layersDigest: `sha256:${reference}`,
    config: { cmd: ["node", "main.js"], env: { NODE_ENV: "production" }, workingDir: "/app" },
  };
}

/** A server that answers every path with `version` and closes gracefully on SIGTERM. */
export function serverSource(version: string): string {
  return `const s = require("http").createServer((q, r) => r.end(JSON.stringify({ version: ${JSON.stringify(version)}, env: process.env })));
s.listen(+process.env.PORT, "127.0.0.1", () => console.log("listening " + ${JSON.stringify(version)}));
process.on("SIGTERM", () => { console.log("bye"); s.close(() => process.exit(0)); s.closeIdleConnections(); });`;
}

export function deployment(
  name: string,
  image: string,
  more: { replicas?: number; container?: object; spec?: object; pod?: object } = {},
) {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "shop", labels: { app: name } },
    spec: {
      replicas: more.replicas ?? 1,
      selector: { matchLabels: { app: name } },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      ...more.spec,
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 3,
          containers: [
            {
              name: "app",
              image,
              ports: [{ name: "http", containerPort: 8080 }],
              env: [
                { name: "PORT", value: "8080" },
                { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
              ],
              readinessProbe: { httpGet: { path: "/", port: "http" }, periodSeconds: 1 },
              ...more.container,
            },
          ],
          ...more.pod,
        },
      },
    },
  };
}

export function service(name: string) {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "shop" },
    spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
  };
}

export const NAMESPACE_OBJECT = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: "shop" },
} as const;

export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  withinMs = 15_000,
): Promise<T> {
  const end = Date.now() + withinMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await systemTimers.sleep(15);
  }
}
