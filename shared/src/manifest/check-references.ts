/** What one object says about another: selectors, scale targets, named ports, env sources. */
import type {
  KubernetesObject,
  V1Container,
  V1Deployment,
  V1NetworkPolicy,
  V1PodDisruptionBudget,
  V1Service,
  V2HorizontalPodAutoscaler,
} from "@kubernetes/client-node";
import type { Problem } from "./check-manifest.ts";
import { containersOf, podLabelsOf } from "./pod-parts.ts";

/** The objects must have passed the type check and make up everything that is applied together. */
export function checkReferences(objects: readonly KubernetesObject[]): readonly Problem[] {
  const deployments = objects.filter(({ kind }) => kind === "Deployment") as V1Deployment[];
  const problems = [...duplicateProblems(objects), ...namespaceProblems(objects)];
  for (const object of objects) {
    for (const finding of checkObject(object, deployments, objects)) {
      problems.push({ object: `${object.kind}/${object.metadata?.name}`, ...finding });
    }
  }
  return problems;
}

type Finding = Omit<Problem, "object">;

function* checkObject(
  object: KubernetesObject,
  deployments: readonly V1Deployment[],
  objects: readonly KubernetesObject[],
): Generator<Finding> {
  switch (object.kind ?? "") {
    case "Service":
      yield* checkSelector("spec.selector", (object as V1Service).spec?.selector, deployments);
      return yield* checkTargetPorts(object, deployments);
    case "PodDisruptionBudget": {
      const selector = (object as V1PodDisruptionBudget).spec?.selector?.matchLabels;
      return yield* checkSelector("spec.selector.matchLabels", selector, deployments);
    }
    case "NetworkPolicy": {
      const selector = (object as V1NetworkPolicy).spec?.podSelector?.matchLabels;
      return yield* checkSelector("spec.podSelector.matchLabels", selector, deployments);
    }
    case "HorizontalPodAutoscaler":
      return yield* checkScaleTarget(object, deployments);
    case "Deployment":
      return yield* checkSources(object, objects);
    default:
      return undefined;
  }
}

function* checkSelector(
  path: string,
  selector: Readonly<Record<string, string>> | undefined,
  deployments: readonly V1Deployment[],
): Generator<Finding> {
  const wanted = Object.entries(selector ?? {});
  const isMet = deployments.some((one) =>
    wanted.every(([key, value]) => podLabelsOf(one)[key] === value),
  );
  if (wanted.length === 0) yield { path, message: "an empty selector would select every pod" };
  else if (!isMet) yield { path, message: "it selects no pod of these manifests" };
}

function* checkTargetPorts(
  { spec }: V1Service,
  deployments: readonly V1Deployment[],
): Generator<Finding> {
  const ports = deployments.flatMap(containersOf).flatMap(({ container }) => container.ports ?? []);
  for (const [index, { targetPort }] of (spec?.ports ?? []).entries()) {
    if (typeof targetPort !== "string" || ports.some(({ name }) => name === targetPort)) continue;
    const path = `spec.ports[${index}].targetPort`;
    yield { path, message: `no container port is named "${targetPort}"` };
  }
}

function* checkScaleTarget(
  { spec }: V2HorizontalPodAutoscaler,
  deployments: readonly V1Deployment[],
): Generator<Finding> {
  const target = spec?.scaleTargetRef;
  if (
    deployments.some(
      ({ kind, metadata }) => kind === target?.kind && metadata?.name === target?.name,
    )
  ) {
    return;
  }
  const path = "spec.scaleTargetRef";
  yield { path, message: `there is no ${target?.kind ?? "?"} "${target?.name ?? "?"}"` };
}

function* checkSources(
  deployment: V1Deployment,
  objects: readonly KubernetesObject[],
): Generator<Finding> {
  for (const { path, container } of containersOf(deployment)) {
    for (const [kind, name] of sourcesOf(container)) {
      if (objects.some((one) => one.kind === kind && one.metadata?.name === name)) continue;
      yield { path, message: `there is no ${kind} "${name}"` };
    }
  }
}

/** Kind and name of each object a container's environment is taken from. */
function sourcesOf(container: V1Container): readonly (readonly [string, string])[] {
  const maps = (container.envFrom ?? []).flatMap(({ configMapRef }) =>
    configMapRef === undefined ? [] : [["ConfigMap", configMapRef.name ?? ""] as const],
  );
  const secrets = (container.env ?? []).flatMap(({ valueFrom }) =>
    valueFrom?.secretKeyRef === undefined
      ? []
      : [["Secret", valueFrom.secretKeyRef.name ?? ""] as const],
  );
  return [...maps, ...secrets];
}

function duplicateProblems(objects: readonly KubernetesObject[]): readonly Problem[] {
  const ids = objects.map(({ kind, metadata }) => `${kind}/${metadata?.name}`);
  const repeated = new Set(ids.filter((id, index) => ids.indexOf(id) !== index));
  return [...repeated].map((object) => ({
    object,
    path: "metadata.name",
    message: "the object appears twice",
  }));
}

function namespaceProblems(objects: readonly KubernetesObject[]): readonly Problem[] {
  const names = new Set(
    objects.filter(({ kind }) => kind === "Namespace").map(({ metadata }) => metadata?.name),
  );
  if (names.size === 0) return [];
  const lost = objects.filter(({ metadata }) => metadata?.namespace !== undefined);
  return lost
    .filter(({ metadata }) => !names.has(metadata?.namespace))
    .map(({ kind, metadata }) => ({
      object: `${kind}/${metadata?.name}`,
      path: "metadata.namespace",
      message: `the namespace "${metadata?.namespace}" is not among these manifests`,
    }));
}
