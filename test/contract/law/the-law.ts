/** The lifecycle spelled by hand and imported from nowhere: what the table, the rules and the store are held against. */

export const STATES = [
  "queued",
  "validating",
  "building",
  "built",
  "deploying",
  "running",
  "healthy",
  "failed",
] as const;
export type StateName = (typeof STATES)[number];

export interface LawfulMove {
  readonly from: StateName;
  readonly to: StateName;
  /** The one service that may make it. */
  readonly by: string;
}

export const LAW: readonly LawfulMove[] = [
  { from: "queued", to: "validating", by: "validate" },
  { from: "validating", to: "building", by: "build" },
  { from: "building", to: "built", by: "finish-build" },
  { from: "built", to: "deploying", by: "deploy" },
  { from: "deploying", to: "running", by: "observe" },
  { from: "running", to: "healthy", by: "verify" },
  { from: "queued", to: "failed", by: "fail" },
  { from: "validating", to: "failed", by: "fail" },
  { from: "building", to: "failed", by: "fail" },
  { from: "built", to: "failed", by: "fail" },
  { from: "deploying", to: "failed", by: "fail" },
  { from: "running", to: "failed", by: "fail" },
  { from: "healthy", to: "failed", by: "fail" },
  { from: "failed", to: "queued", by: "retry" },
];

/** What a move to a state may change beside state, seq, stateSince and attempt. */
export const OWN_FIELDS: Readonly<Partial<Record<StateName, readonly string[]>>> = {
  built: ["imageDigest"],
  deploying: ["manifestsHash", "url"],
  failed: ["failure"],
  queued: ["failure"],
};

/** Services that may create a deployment. */
export const CREATORS = ["api", "github-webhook", "restore"] as const;

/** Everything that has a name of its own in the product, whether it ever writes or not. */
export const SERVICES = [
  "api",
  "github-webhook",
  "issue-principal",
  "validate",
  "build",
  "start-build",
  "finish-build",
  "deploy",
  "observe",
  "verify",
  "fail",
  "retry",
  "restore",
  "append-logs",
  "publish-events",
  "reap",
  "collector",
  "gateway",
  "workflows",
  "scheduler",
  "builder",
  "pubsub",
  "eventarc",
] as const;

export function lawfulMove(from: string, to: string): LawfulMove | undefined {
  return LAW.find((move) => move.from === from && move.to === to);
}
