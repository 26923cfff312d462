/** Names, namespaces, labels and annotations. */
import type { KubernetesObject } from "@kubernetes/client-node";

interface Finding {
  readonly path: string;
  readonly message: string;
}

const DNS_LABEL = /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const KEY =
  /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/;
/** All annotations of an object together, as the API server counts them. */
const MAX_ANNOTATION_BYTES = 256 * 1024;
const CLUSTER_WIDE = new Set(["Namespace", "ClusterRole", "ClusterRoleBinding"]);

/** The object must have passed the type check. */
export function* checkMetadata(object: KubernetesObject): Generator<Finding> {
  const { name, namespace, labels, annotations } = object.metadata ?? {};
  yield* checkName("metadata.name", name);
  const isClusterWide = CLUSTER_WIDE.has(object.kind ?? "");
  if (!isClusterWide) yield* checkName("metadata.namespace", namespace);
  else if (namespace !== undefined) {
    yield { path: "metadata.namespace", message: `a ${object.kind} has no namespace` };
  }
  yield* checkLabels("metadata.labels", labels ?? {});
  yield* checkAnnotations(annotations ?? {});
}

function* checkName(path: string, name: string | undefined): Generator<Finding> {
  if (name === undefined) yield { path, message: "it is required" };
  else if (!isDnsLabel(name)) {
    yield { path, message: `"${name}" is not a DNS label of at most 63 characters` };
  }
}

export function isDnsLabel(name: string): boolean {
  return DNS_LABEL.test(name);
}

export function* checkLabels(
  path: string,
  labels: Readonly<Record<string, string>>,
): Generator<Finding> {
  for (const [key, value] of Object.entries(labels)) {
    if (!KEY.test(key)) yield { path, message: `"${key}" is not a label key` };
    if (!LABEL_VALUE.test(value)) {
      yield { path: `${path}.${key}`, message: `"${value}" is not a label value` };
    }
  }
}

function* checkAnnotations(annotations: Readonly<Record<string, string>>): Generator<Finding> {
  const path = "metadata.annotations";
  const bytes = new TextEncoder().encode(Object.entries(annotations).flat().join("")).byteLength;
  if (bytes > MAX_ANNOTATION_BYTES) {
    yield {
      path,
      message: `they take ${bytes} bytes; at most ${MAX_ANNOTATION_BYTES} are allowed`,
    };
  }
  for (const key of Object.keys(annotations)) {
    if (!KEY.test(key)) yield { path, message: `"${key}" is not an annotation key` };
  }
}
