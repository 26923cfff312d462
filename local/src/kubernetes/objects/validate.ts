/** What must hold beyond the structure: names, required fields, selectors that match, and what is not supported. */
import type { V1Container, V1PodSpec, V1PodTemplateSpec, V1Probe } from "@kubernetes/client-node";
import type { Deployment, KubeObject, Pod, ReplicaSet, Service } from "./object.ts";
import { isRecord } from "./object.ts";
import { checkStructure } from "./schema.ts";
import { matchesLabels } from "./selectors.ts";

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const LABEL_KEY = /^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/;
const LABEL_NAMED = new Set(["Namespace", "Service"]);
const SUPPORTED_VOLUMES = new Set(["name", "emptyDir", "configMap", "secret"]);
const REQUIRED_SPEC = new Set([
  "Pod",
  "Deployment",
  "ReplicaSet",
  "Service",
  "HorizontalPodAutoscaler",
]);

/** Every problem as `field: what`; an empty list means the object is accepted. */
export function validateObject(object: KubeObject, model: string): readonly string[] {
  const structural = checkStructure(object, model);
  const problems = [...structural, ...metadataProblems(object)];
  // Rules read typed fields: they make sense only on the right structure.
  if (structural.length > 0) return problems;
  if (REQUIRED_SPEC.has(object.kind) && !isRecord(object.spec))
    return [...problems, "spec: Required value"];
  switch (object.kind) {
    case "Deployment":
    case "ReplicaSet":
      problems.push(...workloadProblems(object as Deployment | ReplicaSet));
      break;
    case "Pod":
      problems.push(...podSpecProblems((object as Pod).spec, "spec"));
      break;
    case "Service":
      problems.push(...serviceProblems(object as Service));
      break;
    default:
      break;
  }
  return problems;
}

function metadataProblems(object: KubeObject): readonly string[] {
  const { name, labels = {} } = object.metadata;
  const problems: string[] = [];
  const pattern = LABEL_NAMED.has(object.kind) ? DNS_LABEL : DNS_SUBDOMAIN;
  if (!pattern.test(name)) {
    problems.push(`metadata.name: Invalid value: "${name}": lower case letters, digits and '-'`);
  }
  for (const [key, value] of Object.entries(labels)) {
    if (!LABEL_KEY.test(key)) problems.push(`metadata.labels: Invalid value: "${key}"`);
    if (!LABEL_VALUE.test(value))
      problems.push(`metadata.labels.${key}: Invalid value: "${value}"`);
  }
  return problems;
}

function workloadProblems(object: Deployment | ReplicaSet): readonly string[] {
  const { spec } = object;
  const problems: string[] = [];
  const { replicas } = spec;
  if (replicas !== undefined && (!Number.isInteger(replicas) || replicas < 0)) {
    problems.push(`spec.replicas: Invalid value: ${replicas}: must be a whole number, 0 or more`);
  }
  if (!isRecord(spec.selector)) problems.push("spec.selector: Required value");
  // What came over the wire may lack what the type promises.
  const template: V1PodTemplateSpec | undefined = spec.template;
  if (template === undefined) return [...problems, "spec.template: Required value"];
  if (isRecord(spec.selector) && !matchesLabels(spec.selector, template.metadata?.labels)) {
    problems.push(
      "spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`",
    );
  }
  if (template.spec === undefined) return [...problems, "spec.template.spec: Required value"];
  return [...problems, ...podSpecProblems(template.spec, "spec.template.spec")];
}

function podSpecProblems(spec: V1PodSpec, path: string): readonly string[] {
  if (!Array.isArray(spec.containers) || spec.containers.length === 0) {
    return [`${path}.containers: Required value`];
  }
  const volumes = new Set((spec.volumes ?? []).map((volume) => volume.name));
  const problems: string[] = [];
  problems.push(...volumeProblems(spec, path));
  const names = new Set<string>();
  const init = spec.initContainers ?? [];
  for (const container of init) {
    if (container.restartPolicy !== "Always") {
      problems.push(
        `${path}.initContainers.${container.name}: Unsupported value: only restartPolicy Always (a sidecar) is supported here`,
      );
    }
  }
  for (const container of [...init, ...spec.containers]) {
    const at = `${path}.containers.${container.name ?? "?"}`;
    if (names.has(container.name))
      problems.push(`${at}.name: Duplicate value: "${container.name}"`);
    names.add(container.name);
    problems.push(...containerProblems(container, at, volumes));
  }
  return problems;
}

function volumeProblems(spec: V1PodSpec, path: string): readonly string[] {
  const problems: string[] = [];
  for (const volume of spec.volumes ?? []) {
    const unsupported = Object.keys(volume).find((field) => !SUPPORTED_VOLUMES.has(field));
    if (unsupported !== undefined) {
      problems.push(
        `${path}.volumes.${volume.name}: Unsupported value: "${unsupported}": emptyDir, configMap and secret are supported here`,
      );
    }
  }
  return problems;
}

function containerProblems(
  container: V1Container,
  at: string,
  volumes: ReadonlySet<string>,
): readonly string[] {
  const problems: string[] = [];
  if (!DNS_LABEL.test(container.name ?? "")) problems.push(`${at}.name: Invalid value`);
  if ((container.image ?? "") === "") problems.push(`${at}.image: Required value`);
  for (const port of container.ports ?? []) {
    if (!isPort(port.containerPort)) {
      problems.push(`${at}.ports.containerPort: Invalid value: ${port.containerPort}: 1 to 65535`);
    }
  }
  problems.push(...mountProblems(container, at, volumes));
  for (const name of ["startupProbe", "readinessProbe", "livenessProbe"] as const) {
    const probe = container[name];
    if (probe !== undefined) problems.push(...probeProblems(probe, `${at}.${name}`));
  }
  return problems;
}

function mountProblems(
  container: V1Container,
  at: string,
  volumes: ReadonlySet<string>,
): readonly string[] {
  const problems: string[] = [];
  for (const mount of container.volumeMounts ?? []) {
    if (!volumes.has(mount.name)) problems.push(`${at}.volumeMounts: Not found: "${mount.name}"`);
    if (!mount.mountPath?.startsWith("/"))
      problems.push(
        `${at}.volumeMounts.mountPath: Invalid value: "${mount.mountPath}": must be absolute`,
      );
  }
  return problems;
}

function probeProblems(probe: V1Probe, at: string): readonly string[] {
  if (probe.httpGet === undefined && probe.tcpSocket === undefined) {
    return [`${at}: Unsupported value: httpGet and tcpSocket are supported here`];
  }
  const wrong = (
    ["periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold"] as const
  )
    .filter((name) => probe[name] !== undefined && probe[name] < 1)
    .map((name) => `${at}.${name}: Invalid value: must be 1 or more`);
  return wrong;
}

function serviceProblems(object: Service): readonly string[] {
  const type = object.spec.type ?? "ClusterIP";
  if (type !== "ClusterIP") {
    return [`spec.type: Unsupported value: "${type}": ClusterIP is supported here`];
  }
  return (object.spec.ports ?? [])
    .filter((port) => !isPort(port.port))
    .map((port) => `spec.ports.port: Invalid value: ${port.port}: 1 to 65535`);
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}
