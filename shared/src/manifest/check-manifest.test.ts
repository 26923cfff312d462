import type { KubernetesObject, V1NetworkPolicy } from "@kubernetes/client-node";
import { loadYaml } from "@kubernetes/client-node";
import { assert, constantFrom, jsonValue, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { kubernetesTypeMaps } from "../cloud/kubernetes-type-maps.ts";
import { assertManifests, checkManifests } from "./check-manifest.ts";
import { configOf, DOCKER_TOML, GO_TOML, inputFor } from "./manifest-fixtures.ts";
import { renderManifests } from "./manifests.ts";

/** The official client's own tables. */
const types = await kubernetesTypeMaps();

const OBJECTS = renderManifests(inputFor(configOf(GO_TOML)));

type Edit = (object: any) => void; // oxlint-disable-line typescript/no-explicit-any -- breaks objects in ways their types forbid

function problemsAfter(kind: string, edit: Edit): string[] {
  const objects = structuredClone(OBJECTS);
  const object = objects.find((one) => one.kind === kind);
  edit(object);
  return checkManifests(objects, types).map(
    (problem) => `${problem.object.split("/")[0]} ${problem.path}: ${problem.message}`,
  );
}

const POD = "spec.template.spec";

describe("manifests of every runtime", () => {
  it.each([
    ["go", GO_TOML],
    ["docker", DOCKER_TOML],
  ])("pass their check: %s", (_, toml) => {
    expect(checkManifests(renderManifests(inputFor(configOf(toml))), types)).toEqual([]);
  });

  it("keep the network policy's callers through the client's own types", () => {
    const object = OBJECTS.find(({ kind }) => kind === "NetworkPolicy");
    const typed = loadYaml<V1NetworkPolicy>(JSON.stringify(object));
    expect(typed.spec?.ingress?.[0]?._from).toMatchObject([{ namespaceSelector: {} }]);
  });
});

describe("a broken manifest", () => {
  const cases: readonly (readonly [string, string, Edit, string])[] = [
    [
      "a misspelled field",
      "Deployment",
      (o) => (o.spec.template.spec.containers[0].readinessProb = {}),
      `Deployment ${POD}.containers[0].readinessProb: V1Container has no field "readinessProb"`,
    ],
    [
      "a field under the client's name instead of the server's",
      "NetworkPolicy",
      (o) => (o.spec.ingress[0]._from = []),
      'NetworkPolicy spec.ingress[0]._from: V1NetworkPolicyIngressRule has no field "_from"',
    ],
    [
      "a number as text",
      "Deployment",
      (o) => (o.spec.replicas = "2"),
      "Deployment spec.replicas: found a value of type string, expected a number",
    ],
    [
      "half a replica",
      "Deployment",
      (o) => (o.spec.replicas = 1.5),
      "Deployment spec.replicas: found a value of type number, expected a number",
    ],
    [
      "a number in the environment",
      "ConfigMap",
      (o) => (o.data.LOG_LEVEL = 3),
      "ConfigMap data.LOG_LEVEL: found a value of type number, expected a string",
    ],
    [
      "a secret that is not base64",
      "Secret",
      (o) => (o.data.token = "plain text"),
      "Secret data.token: found a value of type string, expected a string",
    ],
    [
      "null",
      "Service",
      (o) => (o.spec.selector = null),
      "Service spec.selector: found null, expected a map",
    ],
    [
      "an object where a list belongs",
      "Service",
      (o) => (o.spec.ports = {}),
      "Service spec.ports: found a value of type object, expected a list",
    ],
    [
      "an unknown kind",
      "Service",
      (o) => (o.kind = "Servise"),
      "Servise : there is no Kubernetes type V1Servise",
    ],
    [
      "a name Kubernetes refuses",
      "ConfigMap",
      (o) => (o.metadata.name = "Bad_Name"),
      'ConfigMap metadata.name: "Bad_Name" is not a DNS label of at most 63 characters',
    ],
    [
      "no namespace",
      "ConfigMap",
      (o) => delete o.metadata.namespace,
      "ConfigMap metadata.namespace: it is required",
    ],
    [
      "a label value with a space",
      "Service",
      (o) => (o.metadata.labels.x = "a b"),
      'Service metadata.labels.x: "a b" is not a label value',
    ],
    [
      "a selector that the pods do not match",
      "Deployment",
      (o) => (o.spec.selector.matchLabels.extra = "x"),
      "Deployment spec.selector.matchLabels.extra: the pod template has no such label",
    ],
    [
      "an image by tag",
      "Deployment",
      (o) => (o.spec.template.spec.containers[0].image = "shop:latest"),
      `Deployment ${POD}.containers[0].image: "shop:latest" has no sha256 digest`,
    ],
    [
      "a port that does not exist",
      "Deployment",
      (o) => (o.spec.template.spec.containers[0].ports[0].containerPort = 99999),
      `Deployment ${POD}.containers[0].ports[0].containerPort: 99999 is not a port; ports are 1 to 65535`,
    ],
    [
      "two ports of one name",
      "Deployment",
      (o) => o.spec.template.spec.containers[0].ports.push({ name: "http", containerPort: 1 }),
      `Deployment ${POD}.containers[0].ports: the port name "http" appears twice`,
    ],
    [
      "a port and a protocol twice",
      "Deployment",
      (o) =>
        o.spec.template.spec.containers[0].ports.push(
          { name: "gossip", containerPort: 53 },
          { name: "udp", containerPort: 53, protocol: "UDP" },
          { name: "again", containerPort: 53, protocol: "UDP" },
        ),
      `Deployment ${POD}.containers[0].ports: the port "53/UDP" appears twice`,
    ],
    [
      "a probe of a port that is not there",
      "Deployment",
      (o) => (o.spec.template.spec.containers[0].livenessProbe.httpGet.port = "web"),
      `Deployment ${POD}.containers[0].livenessProbe.httpGet.port: no port is named "web"`,
    ],
    [
      "a quantity Kubernetes cannot read",
      "Deployment",
      (o) => (o.spec.template.spec.containers[0].resources.requests.cpu = "two"),
      `Deployment ${POD}.containers[0].resources.cpu: "two" is not a quantity`,
    ],
    [
      "more memory requested than allowed",
      "Deployment",
      (o) => (o.spec.template.spec.containers[0].resources.limits.memory = "64Mi"),
      `Deployment ${POD}.containers[0].resources.memory: the request is above the limit`,
    ],
    [
      "a variable set twice",
      "Deployment",
      (o) => o.spec.template.spec.containers[0].env.push({ name: "PORT", value: "1" }),
      `Deployment ${POD}.containers[0].env: the variable "PORT" appears twice`,
    ],
    [
      "a mount without its volume",
      "Deployment",
      (o) => delete o.spec.template.spec.volumes,
      `Deployment ${POD}.containers[0].volumeMounts: the pod has no volume "tmp"`,
    ],
    [
      "a service that selects nothing",
      "Service",
      (o) => (o.spec.selector = { "bifrost.dev/deployment": "other" }),
      "Service spec.selector: it selects no pod of these manifests",
    ],
    [
      "a disruption budget for every pod",
      "PodDisruptionBudget",
      (o) => (o.spec.selector.matchLabels = {}),
      "PodDisruptionBudget spec.selector.matchLabels: an empty selector would select every pod",
    ],
    [
      "a service of a port that no container has",
      "Service",
      (o) => (o.spec.ports[0].targetPort = "web"),
      'Service spec.ports[0].targetPort: no container port is named "web"',
    ],
    [
      "an autoscaler of something else",
      "HorizontalPodAutoscaler",
      (o) => (o.spec.scaleTargetRef.name = "other"),
      'HorizontalPodAutoscaler spec.scaleTargetRef: there is no Deployment "other"',
    ],
    [
      "a range turned round",
      "HorizontalPodAutoscaler",
      (o) => (o.spec.maxReplicas = 1),
      "HorizontalPodAutoscaler spec.maxReplicas: 1 is below minReplicas (2)",
    ],
    [
      "a secret that is not applied along",
      "Secret",
      (o) => (o.metadata.name = "other"),
      `Deployment ${POD}.initContainers[0]: there is no Secret "d-dk3v9x1m2p8q-telemetry"`,
    ],
    [
      "a namespace that is not applied along",
      "Namespace",
      (o) => (o.metadata.name = "other"),
      'Deployment metadata.namespace: the namespace "app-shop" is not among these manifests',
    ],
  ];

  it.each(cases)("is named: %s", (_, kind, edit, expected) => {
    expect(problemsAfter(kind, edit)).toContain(expected);
  });

  it("never makes the check throw, whatever stands in its place", () => {
    assert(
      property(constantFrom(...OBJECTS), jsonValue({ maxDepth: 4 }), (object, value) => {
        const broken = { ...object, spec: value, metadata: value } as KubernetesObject;
        const others = OBJECTS.filter((one) => one !== object);
        expect(Array.isArray(checkManifests([...others, broken], types))).toBe(true);
      }),
    );
  });

  it("is reported as missing its parts when its body is empty", () => {
    expect(problemsAfter("Deployment", (o) => (o.spec = {}))).toContain(
      `Deployment ${POD}.containers: it is empty`,
    );
  });

  it("stops a deployment with every problem as a fact", () => {
    const objects = structuredClone(OBJECTS).filter(({ kind }) => kind !== "Secret");
    let thrown: unknown;
    try {
      assertManifests(objects, types);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({
      code: "manifest-invalid",
      facts: { problems: [expect.stringContaining("there is no Secret")] },
    });
    expect(assertManifests(OBJECTS, types)).toBeUndefined();
  });
});
