/** A release ready to be put up where it runs. */
export interface DeployPlan {
  /** Of what is put up, for people to compare. */
  readonly hash: string;
  /** Repeated, it changes nothing. */
  readonly putUp: () => Promise<void>;
  readonly takeDown: () => Promise<void>;
}
