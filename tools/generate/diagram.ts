/** The lifecycle as people read it: a Mermaid diagram, the states and the moves, all from the table. */
import { CREATORS, HAPPY_PATH, MOVES, STATES } from "@bifrost/shared/domain/lifecycle";
import { code, markdownTable } from "./markdown-table.ts";

const MINUTE_MS = 60_000;

/** The Markdown between the fences of ARCHITECTURE.md. */
export function lifecycleSection(): string {
  return [
    "```mermaid\n" + lifecycleDiagram() + "\n```",
    markdownTable(["state", "label", "meaning", "deadline"], stateRows()),
    `A deployment is created in ${code(initialState())} by ${CREATORS.map(code).join(" or ")}.`,
    markdownTable(["from", "to", "made only by", "may also write"], moveRows()),
  ].join("\n\n");
}

/** One arrow per way in and per move, labelled with who makes it. */
function lifecycleDiagram(): string {
  return [
    "stateDiagram-v2",
    `    [*] --> ${initialState()}: ${CREATORS.join(", ")}`,
    ...MOVES.map((move) => `    ${move.from} --> ${move.to}: ${move.owner}`),
  ].join("\n");
}

function initialState(): string {
  return HAPPY_PATH[0] ?? "";
}

function stateRows(): string[][] {
  return Object.entries(STATES).map(([name, { label, meaning, deadlineMs }]) => [
    code(name),
    label,
    meaning,
    deadlineMs === null ? "none: it may rest here" : `${deadlineMs / MINUTE_MS} min`,
  ]);
}

function moveRows(): string[][] {
  return MOVES.map(({ from, to, owner, writes }) => [
    code(from),
    code(to),
    code(owner),
    writes.map(code).join(", "),
  ]);
}
