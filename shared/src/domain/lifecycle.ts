/**
 * The lifecycle: one table for states, one for moves. Types, security rules, the timeline, the diagram and the
 * documentation derive from these two values or are checked against them; nothing else spells an edge.
 */

const MINUTE_MS = 60_000;

interface StateRow {
  readonly label: string;
  /** One sentence for people: what is true while a deployment is in this state. */
  readonly meaning: string;
  /** Longest stay, counted from `stateSince`, in milliseconds; null = the deployment may rest here. */
  readonly deadlineMs: number | null;
  readonly color: "grey" | "blue" | "green" | "red";
}

export const STATES = {
  queued: {
    label: "Queued",
    meaning: "Accepted; waiting for a workflow to start.",
    deadlineMs: 60 * MINUTE_MS,
    color: "grey",
  },
  validating: {
    label: "Validating",
    meaning: "deploy.toml is read at the exact commit and checked.",
    deadlineMs: 2 * MINUTE_MS,
    color: "blue",
  },
  building: {
    label: "Building",
    meaning: "The commit is turned into an image.",
    deadlineMs: 35 * MINUTE_MS,
    color: "blue",
  },
  built: {
    label: "Built",
    meaning: "The image is stored under its digest.",
    deadlineMs: 5 * MINUTE_MS,
    color: "blue",
  },
  deploying: {
    label: "Deploying",
    meaning: "Manifests are applied; replicas are being started.",
    deadlineMs: 10 * MINUTE_MS,
    color: "blue",
  },
  running: {
    label: "Running",
    meaning: "Replicas run; the sidecars' probes have not all passed yet.",
    deadlineMs: 10 * MINUTE_MS,
    color: "blue",
  },
  healthy: {
    label: "Healthy",
    meaning: "Every replica passes its probes; the release can take traffic.",
    deadlineMs: null,
    color: "green",
  },
  failed: {
    label: "Failed",
    meaning: "The deployment ended; the failure says why and what to do.",
    deadlineMs: null,
    color: "red",
  },
} as const satisfies Record<string, StateRow>;

export type State = keyof typeof STATES;

/** Principals that may create a deployment, which puts it into `queued`. */
export const CREATORS = ["api", "github-webhook", "restore"] as const;

interface MoveRow {
  readonly from: State;
  readonly to: State;
  /** The one principal (security-rules claim `svc`) that may write this move. */
  readonly owner: string;
  /** Fields of the deployment document this move may change beside the move itself. */
  readonly writes: readonly string[];
}

/** Every legal move. `state`, `seq`, `stateSince` and `attempt` belong to the move itself. */
export const MOVES = [
  { from: "queued", to: "validating", owner: "validate", writes: [] },
  { from: "validating", to: "building", owner: "build", writes: [] },
  { from: "building", to: "built", owner: "finish-build", writes: ["imageDigest"] },
  { from: "built", to: "deploying", owner: "deploy", writes: ["manifestsHash", "url"] },
  { from: "deploying", to: "running", owner: "observe", writes: [] },
  { from: "running", to: "healthy", owner: "verify", writes: [] },
  { from: "queued", to: "failed", owner: "fail", writes: ["failure"] },
  { from: "validating", to: "failed", owner: "fail", writes: ["failure"] },
  { from: "building", to: "failed", owner: "fail", writes: ["failure"] },
  { from: "built", to: "failed", owner: "fail", writes: ["failure"] },
  { from: "deploying", to: "failed", owner: "fail", writes: ["failure"] },
  { from: "running", to: "failed", owner: "fail", writes: ["failure"] },
  { from: "healthy", to: "failed", owner: "fail", writes: ["failure"] },
  { from: "failed", to: "queued", owner: "retry", writes: ["failure"] },
] as const satisfies readonly MoveRow[];

export type Move = (typeof MOVES)[number];

/** States a deployment in state `S` may move to; an illegal literal does not compile. */
export type NextState<S extends State> = Extract<Move, { from: S }>["to"];

export type Creator = (typeof CREATORS)[number];
export type MoveOwner = Move["owner"];

function statesOf(table: typeof STATES): readonly State[] {
  return Object.keys(table).filter((name): name is State => name in table);
}

export const ALL_STATES: readonly State[] = statesOf(STATES);

/** States from which no deadline runs: a deployment may rest here for ever. */
export const RESTING_STATES: readonly State[] = ALL_STATES.filter(
  (state) => STATES[state].deadlineMs === null,
);

/** The way from a push to a URL, in order. */
export const HAPPY_PATH: readonly State[] = ALL_STATES.filter((state) => state !== "failed");

export function isState(value: unknown): value is State {
  return typeof value === "string" && Object.hasOwn(STATES, value);
}

export function isResting(state: State): boolean {
  return RESTING_STATES.includes(state);
}

export function allowedFrom(from: State): readonly State[] {
  return MOVES.filter((move) => move.from === from).map((move) => move.to);
}

/** The row for an edge, or undefined when the table has none. */
export function findMove(from: State, to: State): Move | undefined {
  return MOVES.find((move) => move.from === from && move.to === to);
}

/** Names an edge; only legal literals compile, so a typo or an illegal edge is a type error. */
export function edge<S extends State>(
  from: S,
  to: NextState<S>,
): { readonly from: S; readonly to: NextState<S> } {
  return { from, to };
}

/** Whether `state` lies before `other` on the happy path; `failed` is before nothing. */
export function isBefore(state: State, other: State): boolean {
  const at = HAPPY_PATH.indexOf(state);
  return at >= 0 && at < HAPPY_PATH.indexOf(other);
}
