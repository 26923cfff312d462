/** ops/kubernetes/gateway: what Kubernetes would refuse or silently misread, by the official client's types and a real API. */
import { readFileSync } from "node:fs";
import type {
  KubernetesObject,
  V1ConfigMap,
  V1NetworkPolicy,
  V1Role,
  V1Service,
  V1StatefulSet,
} from "@kubernetes/client-node";
import { readClusterFile } from "@bifrost/gateway/cluster-config/read-cluster-file";
import { GATEWAY_VARIABLES } from "@bifrost/gateway/config";
import { kubernetesTypeMaps } from "@bifrost/shared/cloud/kubernetes-type-maps";
import { checkManifests } from "@bifrost/shared/manifest/check-manifest";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { startCluster, type Cluster } from "./testing/cluster.ts";

const file = new URL("../../../ops/kubernetes/gateway/gateway.yaml", import.meta.url);
const text = readFileSync(file, "utf8");
const documents = parseAllDocuments(text);
const objects = documents.map((document): KubernetesObject => document.toJS());
const named = (kind: string, name: string) =>
  objects.find((one) => one.kind === kind && one.metadata?.name === name) as KubernetesObject;

const statefulSet = named("StatefulSet", "bifrost") as V1StatefulSet;
const [container] = statefulSet.spec?.template.spec?.containers ?? [];

const byName = (one = "", other = "") => one.localeCompare(other);

/** As README.md says it is done; a Deployment is what the checks and the stand-in know. */
function asDeployment(object: KubernetesObject): KubernetesObject {
  if (object !== statefulSet) return renamed(object);
  const { serviceName: _, podManagementPolicy: __, ...spec } = statefulSet.spec ?? {};
  return renamed({ ...object, spec } as KubernetesObject);
}

function renamed(object: KubernetesObject): KubernetesObject {
  return JSON.parse(JSON.stringify(object).replaceAll('"StatefulSet"', '"Deployment"'));
}

const types = await kubernetesTypeMaps();

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({});
});
afterAll(() => cluster.stop());

test("they are sound by the same checks as the apps' manifests", () => {
  expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
  expect(checkManifests([statefulSet], types)).toEqual([]);
  expect(checkManifests(objects.map(asDeployment), types)).toEqual([]);
});

test("the API server takes them, strictly, as a Deployment and but for what it does not have", async () => {
  await cluster.apply(named("Namespace", "bifrost"));
  const unknown = ["Namespace", "ServiceAccount", "Role", "ClusterRole"];
  const others = objects
    .map(asDeployment)
    .filter(({ kind = "" }) => !unknown.includes(kind.replace("Binding", "")))
    .filter((one) => (one as V1Service).spec?.type !== "LoadBalancer");
  expect(others.map(({ kind }) => kind).toSorted(byName)).toEqual([
    "ConfigMap",
    "ConfigMap",
    "Deployment",
    "HorizontalPodAutoscaler",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
  ]);
  const answers = await Promise.all(others.map((one) => cluster.apply(one, { dryRun: true })));
  expect(answers.map(({ kind }) => kind)).toEqual(others.map(({ kind }) => kind));
});

test("every variable without a default comes from the ConfigMap or the Secret", () => {
  const config = (named("ConfigMap", "bifrost-environment") as V1ConfigMap).data ?? {};
  const all = Object.values(GATEWAY_VARIABLES);
  const required = all.filter((one) => !("fallback" in one));
  const secret = required.filter((one) => "secret" in one && one.secret);
  expect(Object.keys(config)).toEqual(
    expect.arrayContaining(required.filter((one) => !secret.includes(one)).map(({ name }) => name)),
  );
  const known = all.map(({ name }): string => name);
  expect(Object.keys(config).filter((name) => !known.includes(name))).toEqual([]);
  expect(secret.filter(({ name }) => !text.includes(name))).toEqual([]);
});

test("probes go to the control port, and never sooner or more often than they should", () => {
  expect(container?.ports?.find(({ name }) => name === "control")?.containerPort).toBe(
    GATEWAY_VARIABLES.controlPort.fallback,
  );
  expect(container).toMatchObject({
    livenessProbe: {
      httpGet: { path: "/health", port: "control" },
      initialDelaySeconds: 30,
      periodSeconds: 10,
    },
    readinessProbe: {
      httpGet: { path: "/ready", port: "control" },
      initialDelaySeconds: 10,
      periodSeconds: 5,
    },
  });
});

test("three replicas, two of which always stay, with room to grow", () => {
  expect(statefulSet.spec).toMatchObject({
    replicas: 3,
    serviceName: "bifrost-cluster",
    podManagementPolicy: "Parallel",
  });
  expect(named("PodDisruptionBudget", "bifrost-pdb")).toMatchObject({ spec: { minAvailable: 2 } });
  expect(named("HorizontalPodAutoscaler", "bifrost")).toMatchObject({
    spec: { minReplicas: 3, maxReplicas: 7 },
  });
  expect(container?.resources).toEqual({
    requests: { cpu: "500m", memory: "512Mi" },
    limits: { cpu: "2000m", memory: "2Gi" },
  });
});

test("discovery may read the pods that its own configuration asks for, and finds these", () => {
  const { data = {} } = named("ConfigMap", "bifrost-config") as V1ConfigMap;
  const options = { file: "config.json", storePassword: null };
  const [discovery] =
    readClusterFile(data["config.json"] ?? "", options).cluster?.discoveries ?? [];
  expect(named("Role", "bifrost-pod-reader") as V1Role).toMatchObject({
    metadata: { namespace: statefulSet.metadata?.namespace },
    rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] }],
  });
  const labels = statefulSet.spec?.template.metadata?.labels ?? {};
  const selector = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  expect(discovery).toMatchObject({
    type: "kubernetes",
    namespace: statefulSet.metadata?.namespace,
    labelSelector: selector.join(","),
  });
});

test("gossip is reached over TCP and UDP, by the other replicas alone", () => {
  const headless = named("Service", "bifrost-cluster") as V1Service;
  expect(headless.spec).toMatchObject({ clusterIP: "None", publishNotReadyAddresses: true });
  const gossip = headless.spec?.ports?.map(({ port, protocol }) => `${port}/${protocol}`);
  expect(gossip).toEqual(["10101/TCP", "10101/UDP"]);
  const rules = (named("NetworkPolicy", "bifrost") as V1NetworkPolicy).spec?.ingress ?? [];
  const open = rules.filter(({ ports = [] }) =>
    ports.some(({ port }) => String(port).startsWith("gossip")),
  );
  const { matchLabels } = statefulSet.spec?.selector ?? {};
  expect(open).toEqual([expect.objectContaining({ from: [{ podSelector: { matchLabels } }] })]);
});

test("traffic comes in at port 80 of one address", () => {
  expect((named("Service", "bifrost") as V1Service).spec).toMatchObject({
    type: "LoadBalancer",
    ports: [{ port: 80, targetPort: "http" }],
  });
  expect(container?.ports?.find(({ name }) => name === "http")?.containerPort).toBe(8080);
});
