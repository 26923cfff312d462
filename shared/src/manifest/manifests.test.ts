import type {
  V1ConfigMap,
  V1Deployment,
  V1Secret,
  V2HorizontalPodAutoscaler,
} from "@kubernetes/client-node";
import {
  array,
  assert,
  constantFrom,
  dictionary,
  integer,
  property,
  record,
  string,
} from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalConfig } from "../app-config/canonical.ts";
import { isBifrostError } from "../domain/errors.ts";
import { configOf, DIGEST, DOCKER_TOML, GO_TOML, inputFor } from "./manifest-fixtures.ts";
import { manifestsHash } from "./manifests-hash.ts";
import { renderManifests } from "./manifests.ts";
import type { NetworkPolicyManifest } from "./network-policy.ts";

const GO = inputFor(configOf(GO_TOML));

function find(kind: string, input = GO) {
  const object = renderManifests(input).find((one) => one.kind === kind);
  if (object === undefined) throw new Error(`no ${kind}`);
  return object;
}

function deploymentOf(input = GO): V1Deployment {
  return find("Deployment", input);
}

function podOf(input = GO) {
  const pod = deploymentOf(input).spec?.template.spec;
  const [app] = pod?.containers ?? [];
  const [sidecar] = pod?.initContainers ?? [];
  if (pod === undefined || app === undefined || sidecar === undefined) throw new Error("no pod");
  return { pod, app, sidecar };
}

describe("the rendered objects", () => {
  it("are in the order in which they must be applied, the namespace first", () => {
    expect(renderManifests(GO).map(({ kind }) => kind)).toEqual([
      "Namespace",
      "NetworkPolicy",
      "ConfigMap",
      "Secret",
      "Deployment",
      "Service",
      "HorizontalPodAutoscaler",
      "PodDisruptionBudget",
    ]);
  });

  it("carry the deployment's label, except the namespace that all deployments share", () => {
    for (const { kind, metadata } of renderManifests(GO)) {
      const expected = kind === "Namespace" ? undefined : GO.deploymentId;
      expect(metadata?.labels?.["bifrost.dev/deployment"]).toBe(expected);
    }
  });

  it("of two deployments of a project share nothing but the namespace", () => {
    const names = (id: string) =>
      renderManifests({ ...GO, deploymentId: id })
        .filter(({ kind }) => kind !== "Namespace")
        .map(({ kind, metadata }) => `${kind}/${metadata?.name}`);
    const second = new Set(names("second0000"));
    expect(names("first00000").filter((name) => second.has(name))).toEqual([]);
    expect(find("Namespace", { ...GO, deploymentId: "second0000" })).toEqual(find("Namespace"));
  });

  it("are refused for an image that is named by a tag", () => {
    for (const imageReference of ["registry.example/shop:latest", "shop", `shop@${DIGEST}0`]) {
      let thrown: unknown;
      try {
        renderManifests({ ...GO, imageReference });
      } catch (error) {
        thrown = error;
      }
      expect(isBifrostError(thrown, "manifest-invalid")).toBe(true);
    }
  });
});

describe("the pod", () => {
  it("runs the sidecar as a native one: an init container that always restarts", () => {
    const { sidecar, pod } = podOf();
    expect(sidecar).toMatchObject({ name: "bifrost-sidecar", restartPolicy: "Always" });
    expect(pod).toMatchObject({
      shareProcessNamespace: true,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 30,
      volumes: [{ name: "tmp", emptyDir: {} }],
    });
  });

  it("gives the sidecar its probe target, its times in milliseconds and a secret token", () => {
    const env = podOf().sidecar.env ?? [];
    const plain = Object.fromEntries(
      env.flatMap((one) => (one.value ? [[one.name, one.value]] : [])),
    );
    expect(plain).toEqual({
      DEPLOYMENT_ID: GO.deploymentId,
      PROBE_HOST: "127.0.0.1",
      PROBE_PORT: "9000",
      PROBE_PATH: "/ready",
      PROBE_INTERVAL_MS: "20000",
      PROBE_TIMEOUT_MS: "1500",
      PROBE_PASSES: "4",
      PROBE_FAILURES: "5",
      COLLECTOR_HOST: "collector.bifrost.svc",
      COLLECTOR_PORT: "4600",
      COLLECTOR_PROTOCOL: "http",
      LIVENESS_PORT: "65532",
    });
    const token = env.find(({ name }) => name === "COLLECTOR_TOKEN")?.valueFrom?.secretKeyRef;
    expect(token).toEqual({ name: "d-dk3v9x1m2p8q-telemetry", key: "token" });
    const secret = find("Secret") as V1Secret;
    expect(Buffer.from(secret.data?.["token"] ?? "", "base64").toString()).toBe(GO.telemetryToken);
  });

  it("has the sidecar report over gRPC where the platform says so", () => {
    const platform = { ...GO.platform, collectorProtocol: "grpc" } as const;
    expect(podOf({ ...GO, platform }).sidecar.env).toContainEqual({
      name: "COLLECTOR_PROTOCOL",
      value: "grpc",
    });
  });

  it.each([
    [9000, 65_532],
    [65_532, 65_533],
    [65_533, 65_532],
  ])("restarts a sidecar that does not answer; with the app on %i it listens on %i", (app, own) => {
    const { sidecar } = podOf(inputFor(configOf(GO_TOML.replace("9000", String(app)))));
    expect(sidecar.ports).toEqual([{ name: "liveness", containerPort: own, protocol: "TCP" }]);
    expect(sidecar.env).toContainEqual({ name: "LIVENESS_PORT", value: String(own) });
    expect(sidecar.livenessProbe).toMatchObject({ httpGet: { path: "/", port: "liveness" } });
  });

  it("locks both containers down, each with a numeric uid of its own", () => {
    const { app, sidecar } = podOf();
    for (const { securityContext } of [app, sidecar]) {
      expect(securityContext).toMatchObject({
        runAsNonRoot: true,
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        seccompProfile: { type: "RuntimeDefault" },
      });
    }
    expect([app.securityContext?.runAsUser, sidecar.securityContext?.runAsUser]).toEqual([
      10001, 65532,
    ]);
  });

  it("limits memory and leaves CPU to a request", () => {
    expect(podOf().app.resources).toEqual({
      requests: { cpu: "300m", memory: "192Mi" },
      limits: { memory: "192Mi" },
    });
  });

  it("probes the health path: every second until it starts, then at the interval", () => {
    const { startupProbe, readinessProbe, livenessProbe } = podOf().app;
    for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
      expect(probe).toMatchObject({ httpGet: { path: "/ready", port: "http" }, timeoutSeconds: 2 });
    }
    expect(startupProbe?.periodSeconds).toBe(1);
    expect([readinessProbe?.periodSeconds, livenessProbe?.periodSeconds]).toEqual([20, 20]);
  });

  it.each([
    [1, 1, 3],
    [3, 2, 3],
    [10, 2, 10],
  ])(
    "with a failure threshold of %i, stop traffic after %i failed probes and restart the app after %i",
    (threshold, unready, restart) => {
      const health = `[health]\nfailure_threshold = ${threshold}\nsuccess_threshold = 7\n`;
      const config = configOf(`[app]\nname = "x"\nruntime = "node"\n${health}`);
      const { readinessProbe, livenessProbe } = podOf(inputFor(config)).app;
      expect(readinessProbe).toMatchObject({ failureThreshold: unready, successThreshold: 1 });
      expect(livenessProbe?.failureThreshold).toBe(restart);
    },
  );

  it.each([
    ["1s", "1s", 3, 11],
    ["1s", "1s", 10, 18],
    ["5s", "5s", 3, 5],
    ["30s", "5s", 3, 3],
    ["2s", "200ms", 1, 5],
  ])(
    "probed every %s for %s, %i failures make it unhealthy, and %i a restart: a watched release is judged before",
    (interval, timeout, threshold, restart) => {
      const health = `[health]\ninterval = "${interval}"\ntimeout = "${timeout}"\nfailure_threshold = ${threshold}\n`;
      const config = configOf(`[app]\nname = "x"\nruntime = "node"\n${health}`);
      expect(podOf(inputFor(config)).app.livenessProbe?.failureThreshold).toBe(restart);
    },
  );

  it("never has fewer pods than before during a rollout", () => {
    expect(deploymentOf().spec).toMatchObject({
      replicas: 2,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    });
  });

  it.each([
    ["a process runs its command", GO_TOML, ["./shop", "--fast"]],
    ["a Dockerfile's image starts its own command", DOCKER_TOML, undefined],
    ["a Dockerfile's command can be replaced", `${DOCKER_TOML}[run]\ncommand = "serve"`, ["serve"]],
  ])("%s", (_, toml, command) => {
    expect(podOf(inputFor(configOf(toml))).app.command).toEqual(command);
  });
});

describe("the other objects", () => {
  it("scale on the app's CPU between the bounds", () => {
    const { spec } = find("HorizontalPodAutoscaler") as V2HorizontalPodAutoscaler;
    expect(spec).toMatchObject({ minReplicas: 2, maxReplicas: 7 });
    expect(spec?.metrics?.[0]?.containerResource).toMatchObject({
      container: "app",
      target: { averageUtilization: 65 },
    });
  });

  it("let in the gateway only, and nobody out to the metadata server", () => {
    const { spec } = find("NetworkPolicy") as NetworkPolicyManifest;
    expect(spec.ingress).toEqual([
      {
        from: [
          { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "bifrost" } } },
        ],
        ports: [{ protocol: "TCP", port: 9000 }],
      },
    ]);
    expect(spec.egress?.[0]?.to?.[0]?.ipBlock).toMatchObject({
      cidr: "0.0.0.0/0",
      except: expect.arrayContaining(["169.254.169.254/32"]),
    });
  });

  it("let in a gateway outside the cluster by its address range", () => {
    const platform = { ...GO.platform, ingressNamespaces: [], ingressCidrs: ["10.8.0.0/24"] };
    const { spec } = find("NetworkPolicy", { ...GO, platform }) as NetworkPolicyManifest;
    expect(spec.ingress[0]?.from).toEqual([{ ipBlock: { cidr: "10.8.0.0/24" } }]);
  });

  it("carry the environment in a ConfigMap that the app reads and the sidecar does not", () => {
    expect((find("ConfigMap") as V1ConfigMap).data).toEqual({ LOG_LEVEL: "debug" });
    expect(podOf().app.envFrom).toEqual([{ configMapRef: { name: "d-dk3v9x1m2p8q-env" } }]);
    expect(podOf().sidecar.envFrom).toBeUndefined();
  });
});

describe("the hash of manifests", () => {
  it("is the same whatever the order of keys, and differs with any value", () => {
    const objects = renderManifests(GO);
    const shuffled = objects.map((one) => Object.fromEntries(Object.entries(one).toReversed()));
    expect(manifestsHash(shuffled)).toBe(manifestsHash(objects));
    expect(manifestsHash(renderManifests({ ...GO, number: 13 }))).not.toBe(manifestsHash(objects));
  });

  it("does not depend on the telemetry token", () => {
    const rotated = renderManifests({ ...GO, telemetryToken: "another" });
    expect(manifestsHash(rotated)).toBe(manifestsHash(renderManifests(GO)));
  });
});

/** All strings and numbers in a value, as text. */
function leaves(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [String(value)];
  return Object.values(value).flatMap(leaves);
}

const word = string({ minLength: 1, maxLength: 12, unit: constantFrom(..."abcxyz09".split("")) });

/** TOML of a valid config whose values are arbitrary. */
const anyToml = record({
  runtime: constantFrom("node", "rust", "docker"),
  port: integer({ min: 1, max: 65535 }),
  words: array(word, { minLength: 7, maxLength: 7 }),
  min: integer({ min: 1, max: 25 }),
  more: integer({ min: 0, max: 25 }),
  cpu: integer({ min: 50, max: 8000 }),
  memory: integer({ min: 32, max: 16384 }),
  interval: integer({ min: 1000, max: 600000 }),
  env: dictionary(
    word.map((name) => `V_${name}`),
    string(),
    { maxKeys: 4 },
  ),
}).map((one) => {
  const [name, root, build, output, run, path, file] = one.words;
  const env = Object.entries(one.env).map(([key, value]) => `${key} = ${tomlString(value)}`);
  return [
    `app = {name = "n${name}", runtime = "${one.runtime}", port = ${one.port}, root = "${root}"}`,
    one.runtime === "docker"
      ? `build.dockerfile = "${file}"`
      : `build = {command = "make ${build}; true", output = "${output}"}`,
    `run.command = "./${run} 'x'"`,
    `scaling = {min_replicas = ${one.min}, max_replicas = ${one.min + one.more}, cpu_target = 33}`,
    `health = {path = "/${path}", interval = "${one.interval}ms", timeout = "900ms", watch = "17m"}`,
    `resources = {cpu = "${one.cpu}m", memory = "${one.memory}Mi"}`,
    "[env]",
    ...env,
  ].join("\n");
});

/** JSON escapes are TOML escapes, but for two characters that JSON leaves as they are. */
function tomlString(text: string): string {
  return JSON.stringify(text.replaceAll(/[\0\u007f]/g, "?"));
}

describe("any valid deploy.toml", () => {
  it("is visible in the manifests value by value", () => {
    assert(
      property(anyToml, (toml) => {
        const config = configOf(toml);
        const shown = new Set(leaves(renderManifests(inputFor(config))));
        const written = leaves(JSON.parse(canonicalConfig(config)));
        expect(written.filter((value) => !shown.has(value))).toEqual([]);
      }),
    );
  });
});
