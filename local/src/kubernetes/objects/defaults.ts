/** Defaults the real API server would fill in, for the fields that this stand-in acts on. */
import type { V1Container, V1PodSpec, V1ServicePort } from "@kubernetes/client-node";
import type { Deployment, KubeObject, Pod, ReplicaSet, Service } from "./object.ts";

/** Returns a completed copy; applying it twice changes nothing more. */
export function withDefaults(object: KubeObject): KubeObject {
  const copy = structuredClone(object);
  switch (copy.kind) {
    case "Deployment":
      defaultDeployment(copy as Deployment);
      break;
    case "ReplicaSet":
      (copy as ReplicaSet).spec.replicas ??= 1;
      break;
    case "Pod":
      defaultPodSpec((copy as Pod).spec);
      break;
    case "Service":
      defaultService(copy as Service);
      break;
    case "Secret":
      defaultSecret(copy);
      break;
    default:
      break;
  }
  return copy;
}

function defaultDeployment(object: Deployment): void {
  const { spec } = object;
  spec.replicas ??= 1;
  spec.progressDeadlineSeconds ??= 600;
  spec.revisionHistoryLimit ??= 10;
  spec.strategy ??= {};
  spec.strategy.type ??= "RollingUpdate";
  if (spec.strategy.type === "RollingUpdate") {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxSurge ??= "25%";
    spec.strategy.rollingUpdate.maxUnavailable ??= "25%";
  }
  if (spec.template.spec !== undefined) defaultPodSpec(spec.template.spec);
}

function defaultPodSpec(spec: V1PodSpec): void {
  spec.restartPolicy ??= "Always";
  spec.terminationGracePeriodSeconds ??= 30;
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    defaultContainer(container);
  }
}

function defaultContainer(container: V1Container): void {
  for (const port of container.ports ?? []) port.protocol ??= "TCP";
}

function defaultService(object: Service): void {
  object.spec.type ??= "ClusterIP";
  for (const port of object.spec.ports ?? []) defaultServicePort(port);
}

function defaultServicePort(port: V1ServicePort): void {
  port.protocol ??= "TCP";
  port.targetPort ??= port.port;
}

function defaultSecret(object: KubeObject): void {
  object["type"] ??= "Opaque";
  const clear = object["stringData"] as Record<string, string> | undefined;
  if (clear === undefined) return;
  const encoded = Object.entries(clear).map(([name, value]) => [
    name,
    Buffer.from(value).toString("base64"),
  ]);
  object.data = { ...object.data, ...Object.fromEntries(encoded) };
  delete object["stringData"];
}
