/** Looks for every known trouble in a picture of a cluster. */
import type { Picture } from "./picture.ts";
import type { Sighting, Trouble } from "./trouble.ts";
import { TROUBLES } from "./troubles.ts";

export interface Check {
  readonly name: string;
  readonly symptom: string;
  /** `unused`: it is about a method of discovery that no node uses. */
  readonly verdict: "ok" | "trouble" | "unused";
  readonly found: readonly Sighting[];
  readonly cause: string;
  readonly remedies: readonly string[];
}

/** Of one phrase the log may be full; the last lines say enough. */
const SHOWN_LINES = 2;
const SHOWN_CHARACTERS = 300;

/** One check for each trouble, in their order. */
export function diagnose(picture: Picture): readonly Check[] {
  const methods = new Set(
    picture.views.flatMap(({ details }) => details.discovery.map(({ type }) => type)),
  );
  return TROUBLES.map((trouble) => check(trouble, picture, methods));
}

function check(trouble: Trouble, picture: Picture, methods: ReadonlySet<string>): Check {
  const { name, method, symptom, cause, remedies, look = () => [] } = trouble;
  const isUnused = method !== undefined && !methods.has(method);
  const found = isUnused
    ? []
    : [...look(picture), ...told(trouble, picture), ...logged(trouble, picture)];
  const verdict = found.length > 0 ? "trouble" : isUnused ? "unused" : "ok";
  return { name, symptom, verdict, found, cause, remedies };
}

/** What discovery says of itself now. */
function told({ phrases = [], method }: Trouble, { views }: Picture): readonly Sighting[] {
  return views.flatMap(({ status, details }) =>
    details.discovery
      .filter(({ type }) => method === undefined || type === method)
      .flatMap(({ problem }) => (problem === null ? [] : [problem]))
      .filter((problem) => phrases.some((phrase) => problem.includes(phrase)))
      .map((what) => ({ at: status.local_node, what })),
  );
}

function logged({ phrases = [] }: Trouble, { log }: Picture): readonly Sighting[] {
  return log
    .filter((line) => phrases.some((phrase) => line.includes(phrase)))
    .slice(-SHOWN_LINES)
    .map((line) => ({ at: "log", what: line.slice(0, SHOWN_CHARACTERS) }));
}
