/** The shape all Kubernetes objects share as they travel in JSON: dates are strings here, not Date. */
import type {
  V1DeploymentSpec,
  V1DeploymentStatus,
  V1PodSpec,
  V1ReplicaSetSpec,
  V1ServiceSpec,
} from "@kubernetes/client-node";

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ManagedFields {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly time?: string;
  readonly fieldsType: "FieldsV1";
  readonly fieldsV1: FieldsV1;
}

/** Owned fields as Kubernetes writes them: keys `f:name`, `k:{"name":"app"}`, `v:"x"` and `.`. */
export interface FieldsV1 {
  [element: string]: FieldsV1;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  generateName?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: ManagedFields[];
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: unknown;
  status?: unknown;
  data?: Record<string, string>;
  [field: string]: unknown;
}

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
  readonly lastUpdateTime?: string;
}

export interface ContainerState {
  readonly waiting?: { readonly reason: string; readonly message?: string };
  readonly running?: { readonly startedAt: string };
  readonly terminated?: {
    readonly exitCode: number;
    readonly reason: "Completed" | "Error" | "OOMKilled";
    readonly message?: string;
    readonly startedAt: string;
    readonly finishedAt: string;
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly image: string;
  readonly imageID: string;
  readonly ready: boolean;
  readonly started: boolean;
  readonly restartCount: number;
  readonly state: ContainerState;
  readonly lastState: ContainerState;
}

export interface PodStatus {
  readonly phase: "Pending" | "Running" | "Succeeded" | "Failed";
  readonly podIP?: string;
  readonly podIPs?: readonly { readonly ip: string }[];
  readonly hostIP?: string;
  readonly startTime?: string;
  readonly conditions?: readonly Condition[];
  readonly containerStatuses?: readonly ContainerStatus[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
}

export interface ReplicaSetStatus {
  readonly replicas: number;
  readonly fullyLabeledReplicas: number;
  readonly readyReplicas: number;
  readonly availableReplicas: number;
  readonly observedGeneration: number;
}

export type DeploymentStatus = Omit<V1DeploymentStatus, "conditions"> & {
  readonly conditions?: readonly Condition[];
};

export interface Pod extends KubeObject {
  spec: V1PodSpec;
  status?: PodStatus;
}

export interface ReplicaSet extends KubeObject {
  spec: V1ReplicaSetSpec;
  status?: ReplicaSetStatus;
}

export interface Deployment extends KubeObject {
  spec: V1DeploymentSpec;
  status?: DeploymentStatus;
}

export interface Service extends KubeObject {
  spec: V1ServiceSpec;
}

export function isReady(pod: Pod): boolean {
  return conditionOf(pod.status?.conditions, "Ready")?.status === "True";
}

export function conditionOf(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** Same condition with the old transition time when its status did not change. */
export function keepTransition(
  next: Condition,
  before: readonly Condition[] | undefined,
  at: string,
): Condition {
  const old = conditionOf(before, next.type);
  const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : undefined;
  return { ...next, lastTransitionTime: lastTransitionTime ?? at };
}

/** RFC 3339 in whole seconds, as Kubernetes writes times. */
export function kubeTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}
