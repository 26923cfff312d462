export interface PodSelection {
  readonly namespace: string;
  /** `app=bifrost,env=prod`. */
  readonly labelSelector: string;
}

/** A running pod that has an address and is not about to end. */
export interface FoundPod {
  readonly name: string;
  readonly ip: string;
}

/** `config`: there are no credentials. `forbidden`: they may not list and watch pods. `unreachable`: everything else. */
export interface PodProblem {
  readonly kind: "config" | "forbidden" | "unreachable";
  readonly message: string;
}

export interface PodListener {
  /** The complete set, once it is known and after every change. */
  onPods(pods: readonly FoundPod[]): void;
  /** It goes on trying by itself, and calls onPods when it works again. */
  onProblem(problem: PodProblem): void;
}

export interface PodWatch {
  /** Without the pause after a failure. */
  hurry(): void;
  stop(): void;
}

/** The pods of a cluster. */
export interface PodSource {
  watch(selection: PodSelection, listener: PodListener): PodWatch;
}
