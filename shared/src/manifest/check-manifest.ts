/** Run before anything is sent to a cluster: types first, then what Kubernetes would refuse or silently misread. */
import type { KubernetesObject } from "@kubernetes/client-node";
import { BifrostError } from "../domain/errors.ts";
import { checkMetadata } from "./check-metadata.ts";
import { checkReferences } from "./check-references.ts";
import { checkTypes } from "./check-types.ts";
import { checkWorkload } from "./check-workload.ts";
import type { TypeMaps } from "./type-maps.ts";
import { typeNameOf } from "./type-maps.ts";

export type { TypeMaps } from "./type-maps.ts";

export interface Problem {
  /** `Deployment/d-abc`. */
  readonly object: string;
  /** `spec.template.spec.containers[0].image`. */
  readonly path: string;
  readonly message: string;
}

/** Empty when the objects may be sent. Never throws. Objects of a wrong shape are not looked into further. */
export function checkManifests(
  objects: readonly KubernetesObject[],
  typeMaps: TypeMaps,
): readonly Problem[] {
  const problems: Problem[] = [];
  const sound: KubernetesObject[] = [];
  for (const object of objects) {
    const typeName = typeNameOf(object.apiVersion ?? "", object.kind ?? "");
    const wrong = checkTypes(object, typeName, typeMaps);
    const findings =
      wrong.length > 0 ? wrong : [...checkMetadata(object), ...checkWorkload(object)];
    problems.push(...findings.map((finding) => ({ object: objectId(object), ...finding })));
    if (wrong.length === 0) sound.push(object);
  }
  // With an object left out, what refers to it would be reported for nothing.
  if (sound.length === objects.length) problems.push(...checkReferences(sound));
  return problems;
}

/** Throws `manifest-invalid` with every problem in words. */
export function assertManifests(objects: readonly KubernetesObject[], typeMaps: TypeMaps): void {
  const problems = checkManifests(objects, typeMaps);
  if (problems.length === 0) return;
  const lines = problems.map(({ object, path, message }) => `${object} ${path}: ${message}`);
  throw new BifrostError(
    "manifest-invalid",
    `the generated manifests have ${lines.length} problem(s), the first: ${lines[0]}`,
    { problems: lines },
  );
}

function objectId(object: KubernetesObject): string {
  return `${object.kind ?? "?"}/${object.metadata?.name ?? "?"}`;
}
