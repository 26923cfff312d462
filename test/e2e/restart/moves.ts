/** Every move of every deployment at the moment it is written, read from the tail of the store's commit log. */
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
} from "node:fs";
import path from "node:path";
import type { State } from "@bifrost/shared/domain/lifecycle";

export interface SeenMove {
  readonly deploymentId: string;
  readonly to: State;
  readonly attempt: number;
}

interface Commit {
  readonly documents: readonly (readonly [string, { readonly fields: Fields } | null])[];
}
type Fields = Readonly<Record<string, Readonly<Record<string, string>>>>;

const TRANSITION = /\/deployments\/([^/]+)\/transitions\/\d+$/;

/** Calls `onMove` within about a millisecond of each move written from now on, until it is stopped. */
export function followMoves(home: string, onMove: (move: SeenMove) => void): { stop(): void } {
  const file = openSync(logsOf(home).at(-1) ?? "", "r");
  let position = fstatSync(file).size;
  let rest = "";
  let stopped = false;
  const look = () => {
    if (stopped) return;
    const chunk = Buffer.alloc(Math.max(0, fstatSync(file).size - position));
    position += readSync(file, chunk, 0, chunk.length, position);
    const lines = (rest + chunk.toString("utf8")).split("\n");
    rest = lines.pop() ?? "";
    for (const move of lines.flatMap(movesIn)) if (!stopped) onMove(move);
    setTimeout(look, 1);
  };
  look();
  return {
    stop() {
      if (!stopped) closeSync(file);
      stopped = true;
    },
  };
}

/** All moves that are stored. */
export function storedMoves(home: string): readonly SeenMove[] {
  return logsOf(home).flatMap((log) =>
    // A torn last line was never acknowledged.
    readFileSync(log, "utf8").split("\n").slice(0, -1).flatMap(movesIn),
  );
}

/** The segments of the log, oldest first; no test writes enough for the first to be deleted. */
function logsOf(home: string): readonly string[] {
  const folder = path.join(home, "firestore");
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^commits-\d+\.log$/.test(name));
  return names.toSorted().map((name) => path.join(folder, name));
}

/** A line is a checksum, a space and the commit as JSON. */
function movesIn(line: string): readonly SeenMove[] {
  if (!line.includes("/transitions/")) return [];
  const commit = JSON.parse(line.slice(line.indexOf(" ") + 1)) as Commit;
  return commit.documents.flatMap(([name, after]) => {
    const deploymentId = TRANSITION.exec(name)?.[1];
    if (deploymentId === undefined || after === null) return [];
    const to = after.fields["to"]?.["stringValue"] as State;
    return [{ deploymentId, to, attempt: Number(after.fields["attempt"]?.["integerValue"]) }];
  });
}
