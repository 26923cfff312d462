/** What is inside one object: containers, ports, quantities, replica ranges. */
import type {
  KubernetesObject,
  V1Container,
  V1Deployment,
  V1Service,
  V2HorizontalPodAutoscaler,
} from "@kubernetes/client-node";
import { cpuMillis, memoryBytes } from "../app-config/quantity.ts";
import { checkLabels, isDnsLabel } from "./check-metadata.ts";
import { isDigestReference } from "./manifest-input.ts";
import { containersOf, POD_PATH, podLabelsOf, podOf } from "./pod-parts.ts";

interface Finding {
  readonly path: string;
  readonly message: string;
}

/** The object must have passed the type check, so its kind says its shape. */
export function checkWorkload(object: KubernetesObject): readonly Finding[] {
  switch (object.kind ?? "") {
    case "Deployment":
      return [...checkSelector(object), ...checkPod(object)];
    case "Service":
      return [...checkServicePorts(object)];
    case "HorizontalPodAutoscaler":
      return [...checkReplicaRange(object)];
    default:
      return [];
  }
}

function* checkSelector(deployment: V1Deployment): Generator<Finding> {
  const path = "spec.selector.matchLabels";
  const labels = podLabelsOf(deployment);
  yield* checkLabels("spec.template.metadata.labels", labels);
  const selector = Object.entries(deployment.spec?.selector?.matchLabels ?? {});
  if (selector.length === 0) yield { path, message: "it is empty" };
  for (const [key, value] of selector) {
    if (labels[key] === value) continue;
    yield { path: `${path}.${key}`, message: "the pod template has no such label" };
  }
}

function* checkPod(deployment: V1Deployment): Generator<Finding> {
  const pod = podOf(deployment);
  const path = `${POD_PATH}.containers`;
  if ((pod?.containers ?? []).length === 0) yield { path, message: "it is empty" };
  const volumes = new Set(pod?.volumes?.map(({ name }) => name));
  const all = containersOf(deployment);
  const names = all.map(({ container }) => container.name);
  yield* duplicates(path, "container name", names);
  for (const { path: place, container } of all) yield* checkContainer(place, container, volumes);
}

function* checkContainer(
  path: string,
  container: V1Container,
  volumes: ReadonlySet<string>,
): Generator<Finding> {
  if (!isDnsLabel(container.name)) {
    yield { path: `${path}.name`, message: `"${container.name}" is not a DNS label` };
  }
  if (!isDigestReference(container.image ?? "")) {
    yield { path: `${path}.image`, message: `"${container.image ?? ""}" has no sha256 digest` };
  }
  yield* checkContainerPorts(path, container);
  yield* duplicates(
    `${path}.env`,
    "variable",
    (container.env ?? []).map(({ name }) => name),
  );
  yield* checkResources(`${path}.resources`, container);
  for (const { name } of container.volumeMounts ?? []) {
    if (!volumes.has(name)) {
      yield { path: `${path}.volumeMounts`, message: `the pod has no volume "${name}"` };
    }
  }
}

function* checkContainerPorts(path: string, container: V1Container): Generator<Finding> {
  const ports = container.ports ?? [];
  for (const [index, port] of ports.entries()) {
    yield* checkPort(`${path}.ports[${index}].containerPort`, port.containerPort);
  }
  yield* duplicates(
    `${path}.ports`,
    "port",
    ports.map(({ containerPort, protocol }) => portId(containerPort, protocol)),
  );
  const names = ports.flatMap(({ name }) => (name === undefined ? [] : [name]));
  yield* duplicates(`${path}.ports`, "port name", names);
  for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"] as const) {
    const target = container[probe]?.httpGet?.port;
    if (typeof target === "string" && !names.includes(target)) {
      yield { path: `${path}.${probe}.httpGet.port`, message: `no port is named "${target}"` };
    }
    if (typeof target === "number") yield* checkPort(`${path}.${probe}.httpGet.port`, target);
  }
}

function* checkPort(path: string, port: number): Generator<Finding> {
  if (port >= 1 && port <= 65_535) return;
  yield { path, message: `${port} is not a port; ports are 1 to 65535` };
}

/** TCP and UDP may share a number. */
function portId(port: number, protocol = "TCP"): string {
  return protocol === "TCP" ? String(port) : `${port}/${protocol}`;
}

const QUANTITY = { cpu: cpuMillis, memory: memoryBytes } as const;

function* checkResources(path: string, { resources }: V1Container): Generator<Finding> {
  for (const [resource, parse] of Object.entries(QUANTITY)) {
    const request = resources?.requests?.[resource];
    const limit = resources?.limits?.[resource];
    const known = [request, limit].filter((quantity) => quantity !== undefined);
    for (const quantity of known.filter((one) => parse(one) === undefined)) {
      yield { path: `${path}.${resource}`, message: `"${quantity}" is not a quantity` };
    }
    const [least, most = Number.POSITIVE_INFINITY] = [parse(request ?? ""), parse(limit ?? "")];
    if (least !== undefined && least > most) {
      yield { path: `${path}.${resource}`, message: "the request is above the limit" };
    }
  }
}

function* checkServicePorts({ spec }: V1Service): Generator<Finding> {
  const ports = spec?.ports ?? [];
  if (ports.length === 0) yield { path: "spec.ports", message: "it is empty" };
  for (const [index, { port, targetPort }] of ports.entries()) {
    yield* checkPort(`spec.ports[${index}].port`, port);
    if (typeof targetPort === "number") {
      yield* checkPort(`spec.ports[${index}].targetPort`, targetPort);
    }
  }
  yield* duplicates(
    "spec.ports",
    "port",
    ports.map(({ port, protocol }) => portId(port, protocol)),
  );
  yield* duplicates(
    "spec.ports",
    "port name",
    ports.map(({ name }) => name ?? ""),
  );
}

function* checkReplicaRange({ spec }: V2HorizontalPodAutoscaler): Generator<Finding> {
  const [min, max] = [spec?.minReplicas ?? 1, spec?.maxReplicas ?? 0];
  if (min < 1) yield { path: "spec.minReplicas", message: `${min} is below 1` };
  if (max < min)
    yield { path: "spec.maxReplicas", message: `${max} is below minReplicas (${min})` };
}

function* duplicates(path: string, what: string, names: readonly string[]): Generator<Finding> {
  const repeated = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  for (const name of repeated) yield { path, message: `the ${what} "${name}" appears twice` };
}
