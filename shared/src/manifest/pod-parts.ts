/** The parts of a Deployment that checks look at; every level may be missing in an object under test. */
import type { V1Container, V1Deployment, V1PodSpec } from "@kubernetes/client-node";

export const POD_PATH = "spec.template.spec";

interface PlacedContainer {
  readonly path: string;
  readonly container: V1Container;
}

export function podOf(deployment: V1Deployment): V1PodSpec | undefined {
  return deployment.spec?.template?.spec;
}

export function podLabelsOf(deployment: V1Deployment): Readonly<Record<string, string>> {
  return deployment.spec?.template?.metadata?.labels ?? {};
}

/** Init containers first, each with its path in the object. */
export function containersOf(deployment: V1Deployment): readonly PlacedContainer[] {
  const pod = podOf(deployment);
  return [
    ...placed("initContainers", pod?.initContainers),
    ...placed("containers", pod?.containers),
  ];
}

function placed(field: string, list: readonly V1Container[] = []): readonly PlacedContainer[] {
  return list.map((container, index) => ({ path: `${POD_PATH}.${field}[${index}]`, container }));
}
