/** Every order of events, up to a number of them: what the random schedules may miss among three nodes. */
import { act, type Action, copyOf, formedWorld, runFairly, type World } from "./small-world.ts";

export interface Exploration {
  readonly sequences: number;
  /** Different views at the end of them. */
  readonly endings: number;
  readonly problems: readonly string[];
}

/** Crashes and restarts are of this one; the others are alike. */
const MORTAL = 2;
const SETTLES_MS = 60_000;
const MAX_PROBLEMS = 5;

export function explore(maxEvents: number): Exploration {
  const problems: string[] = [];
  const endings = new Set<string>();
  let sequences = 0;

  const visit = (world: World, path: readonly Action[]): void => {
    if (problems.length >= MAX_PROBLEMS) return;
    if (path.length === maxEvents) {
      sequences++;
      const views = describeViews(world);
      if (endings.has(views)) return;
      endings.add(views);
      note(problems, path, unsettled(world));
      return;
    }
    for (const action of possibleActions(world)) {
      const next = copyOf(world);
      act(next, action);
      note(problems, [...path, action], [...wrongIncarnations(world, next)]);
      visit(next, [...path, action]);
    }
  };

  visit(formedWorld(), []);
  return { sequences, endings: endings.size, problems };
}

function possibleActions({ isUp }: World): Action[] {
  const actions: Action[] = [];
  for (const [node, runs] of isUp.entries()) {
    if (!runs) continue;
    actions.push({ kind: "wake", node, isLost: false }, { kind: "wake", node, isLost: true });
  }
  if (isUp[MORTAL] !== true) return [...actions, { kind: "restart", node: MORTAL }];
  const crash = { kind: "crash", node: MORTAL } as const;
  return [...actions, { ...crash, isSeen: true }, { ...crash, isSeen: false }];
}

/** Only a node itself makes its incarnations, and nobody goes back to an older one. */
function* wrongIncarnations(before: World, after: World): Generator<string> {
  for (const [observer, state] of after.nodes.entries()) {
    const isSameProcess = before.nodes[observer]?.meta.epoch === state.meta.epoch;
    for (const subject of after.nodes) {
      const { id } = subject.options;
      const seen = state.peers.get(id);
      if (seen === undefined) continue;
      if (seen.meta.epoch === subject.meta.epoch && seen.incarnation > subject.incarnation) {
        yield `n${observer} knows incarnation ${seen.incarnation} of ${id}, which is at ${subject.incarnation}`;
      }
      const was = isSameProcess ? before.nodes[observer]?.peers.get(id) : undefined;
      if (was !== undefined && was.incarnation > seen.incarnation) {
        yield `n${observer} took ${id} back from ${was.incarnation} to ${seen.incarnation}`;
      }
    }
  }
}

/** With a working network every view becomes right. */
function unsettled(from: World): string[] {
  const world = copyOf(from);
  runFairly(world, SETTLES_MS);
  const problems: string[] = [];
  for (const [observer, state] of world.nodes.entries()) {
    if (world.isUp[observer] !== true) continue;
    for (const [subject, other] of world.nodes.entries()) {
      if (subject === observer) continue;
      const seen = state.peers.get(other.options.id)?.state ?? "unknown";
      const wanted = world.isUp[subject] === true ? "alive" : "dead";
      if (seen !== wanted) problems.push(`n${observer} ends with n${subject} ${seen}`);
    }
  }
  return problems;
}

function describeViews({ nodes, isUp }: World): string {
  const views = nodes.map((state) =>
    [...state.peers.values()].map((peer) => [peer.id, peer.state, peer.incarnation, peer.evidence]),
  );
  return JSON.stringify([isUp, nodes.map(({ incarnation }) => incarnation), views]);
}

function note(problems: string[], path: readonly Action[], found: readonly string[]): void {
  for (const problem of found) problems.push(`${problem} after ${JSON.stringify(path)}`);
}
