/** ops/kubernetes/collector: what Kubernetes would refuse or silently misread, by the official client's types and a real API. */
import { readFileSync } from "node:fs";
import type {
  KubernetesObject,
  V1ConfigMap,
  V1Deployment,
  V1Namespace,
  V1NetworkPolicyPeer,
} from "@kubernetes/client-node";
import { COLLECTOR_VARIABLES } from "@bifrost/gateway/collector-config";
import { kubernetesTypeMaps } from "@bifrost/shared/cloud/kubernetes-type-maps";
import { checkManifests } from "@bifrost/shared/manifest/check-manifest";
import { configOf, GO_TOML, inputFor } from "@bifrost/shared/manifest/manifest-fixtures";
import { renderManifests } from "@bifrost/shared/manifest/manifests";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { startCluster, type Cluster } from "./testing/cluster.ts";

const file = new URL("../../../ops/kubernetes/collector/collector.yaml", import.meta.url);
const documents = parseAllDocuments(readFileSync(file, "utf8"));
const objects = documents.map((document): KubernetesObject => document.toJS());
const ofKind = (kind: string) => objects.find((one) => one.kind === kind) as KubernetesObject;

const types = await kubernetesTypeMaps();

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({});
});
afterAll(() => cluster.stop());

test("they are sound by the same checks as the apps' manifests", () => {
  expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
  expect(checkManifests(objects, types)).toEqual([]);
});

test("the API server takes them, strictly, but for the one kind it does not know", async () => {
  await cluster.apply(ofKind("Namespace"));
  const others = objects.filter(({ kind }) => kind !== "Namespace" && kind !== "ServiceAccount");
  const answers = await Promise.all(others.map((one) => cluster.apply(one, { dryRun: true })));
  expect(answers.map(({ kind }) => kind)).toEqual(others.map(({ kind }) => kind));
});

const deployment = ofKind("Deployment") as V1Deployment;
const [container] = deployment.spec?.template.spec?.containers ?? [];

test("two replicas on different nodes, and never fewer while one is replaced", () => {
  expect(deployment.spec).toMatchObject({
    replicas: 2,
    strategy: { rollingUpdate: { maxUnavailable: 0 } },
    template: {
      spec: {
        automountServiceAccountToken: false,
        topologySpreadConstraints: expect.arrayContaining([
          expect.objectContaining({
            topologyKey: "kubernetes.io/hostname",
            whenUnsatisfiable: "DoNotSchedule",
          }),
        ]),
      },
    },
  });
  expect(ofKind("PodDisruptionBudget")).toMatchObject({ spec: { maxUnavailable: 1 } });
});

test("the container may do nothing beside its work", () => {
  expect(container?.securityContext).toEqual({
    runAsNonRoot: true,
    runAsUser: 65_532,
    runAsGroup: 65_532,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    privileged: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  });
});

test("every variable without a default comes from the ConfigMap or the Secret", () => {
  const config = (ofKind("ConfigMap") as V1ConfigMap).data ?? {};
  const required = Object.values(COLLECTOR_VARIABLES).filter((one) => !("fallback" in one));
  const secret = required.filter((one) => "secret" in one && one.secret);
  expect(Object.keys(config)).toEqual(
    expect.arrayContaining(required.filter((one) => !secret.includes(one)).map(({ name }) => name)),
  );
  const known = Object.values(COLLECTOR_VARIABLES).map(({ name }): string => name);
  expect(Object.keys(config).filter((name) => !known.includes(name))).toEqual([]);
  const text = readFileSync(file, "utf8");
  expect(secret.filter(({ name }) => !text.includes(name))).toEqual([]);
});

test("reports are admitted from every namespace that the platform makes for apps", () => {
  const rendered = renderManifests(inputFor(configOf(GO_TOML)));
  const made = rendered.find(({ kind }) => kind === "Namespace") as V1Namespace;
  const [rule] = (
    ofKind("NetworkPolicy") as { spec: { ingress: { from: V1NetworkPolicyPeer[] }[] } }
  ).spec.ingress;
  const wanted = rule?.from[0]?.namespaceSelector?.matchLabels ?? {};
  expect(Object.keys(wanted)).toHaveLength(1);
  expect(made.metadata?.labels).toMatchObject(wanted);
});
