/** Holds the calls of functions against the lifecycle table. */
import type { FunctionCall } from "./function-calls.ts";
import type { LifecycleTable, Problem, ProblemCode } from "./problem.ts";

/** What a call writes for `from` when it stands for every state but its target. */
const ANY = "any";
/** Fields without which a function cannot tell whose call it is. */
const REQUIRED_FIELDS = ["deploymentId", "attempt", "execution"] as const;

export function checkMoves(calls: readonly FunctionCall[], table: LifecycleTable): Problem[] {
  const problems: Problem[] = [];
  const claimed = new Set<string>();
  for (const call of calls) {
    problems.push(...checkFields(call, table));
    for (const { from, to } of edgesOf(call, table)) {
      const move = table.moves.find((row) => row.from === from && row.to === to);
      if (move === undefined) {
        problems.push(problem(call, "edge-unknown", `the table has no move ${from} → ${to}`));
      } else if (move.owner !== call.functionName) {
        const message = `${from} → ${to} belongs to ${move.owner}, not to ${call.functionName}`;
        problems.push(problem(call, "wrong-owner", message));
      } else {
        claimed.add(edgeName(from, to));
      }
    }
  }
  return [...problems, ...unclaimed(claimed, table), ...unreachable(claimed, table)];
}

function checkFields(call: FunctionCall, table: LifecycleTable): Problem[] {
  const problems: Problem[] = [];
  const creates = table.creators.includes(call.functionName);
  if (!creates && !table.functions.includes(call.functionName)) {
    const message = `there is no function "${call.functionName}"`;
    problems.push(problem(call, "unknown-function", message));
  }
  for (const field of REQUIRED_FIELDS) {
    if (call.body[field] !== undefined) continue;
    problems.push(problem(call, "missing-field", `the body lacks "${field}"`));
  }
  return [...problems, ...(creates ? checkNoMove(call) : checkNamedMove(call, table))];
}

function checkNoMove(call: FunctionCall): Problem[] {
  if (call.body["from"] === undefined && call.body["to"] === undefined) return [];
  const message = `${call.functionName} creates a deployment and moves none: leave out "from" and "to"`;
  return [problem(call, "needless-move", message)];
}

function checkNamedMove(call: FunctionCall, table: LifecycleTable): Problem[] {
  const { from, to } = call.body;
  if (from === undefined || to === undefined)
    return [problem(call, "no-move", 'the body needs a literal "from" and "to"')];
  const named = [
    ["from", from],
    ["to", to],
  ] as const;
  return named.flatMap(([field, state]) => {
    const isAny = field === "from" && state === ANY;
    if (isAny || (typeof state === "string" && table.states.includes(state))) return [];
    const message = `"${field}" is ${JSON.stringify(state)}, which is no state of the table`;
    return [problem(call, "unknown-state", message)];
  });
}

function edgesOf(call: FunctionCall, table: LifecycleTable): { from: string; to: string }[] {
  const { from, to } = call.body;
  if (typeof to !== "string" || !table.states.includes(to)) return [];
  const sources = from === ANY ? table.states.filter((state) => state !== to) : [from];
  return sources.flatMap((source) =>
    typeof source === "string" && table.states.includes(source) ? [{ from: source, to }] : [],
  );
}

function unclaimed(claimed: ReadonlySet<string>, table: LifecycleTable): Problem[] {
  return table.moves
    .filter((move) => !claimed.has(edgeName(move.from, move.to)))
    .map((move) => ({
      code: "edge-unclaimed",
      file: "",
      step: "",
      message: `no workflow makes the move ${move.from} → ${move.to} through ${move.owner}`,
    }));
}

function unreachable(claimed: ReadonlySet<string>, table: LifecycleTable): Problem[] {
  const reached = new Set([table.initial]);
  for (let size = 0; size !== reached.size;) {
    size = reached.size;
    for (const { from, to } of table.moves) {
      if (reached.has(from) && claimed.has(edgeName(from, to))) reached.add(to);
    }
  }
  return table.states
    .filter((state) => !reached.has(state))
    .map((state) => ({
      code: "unreachable-state",
      file: "",
      step: "",
      message: `no chain of workflow calls leads from ${table.initial} to ${state}`,
    }));
}

function edgeName(from: string, to: string): string {
  return `${from}>${to}`;
}

function problem(call: FunctionCall, code: ProblemCode, message: string): Problem {
  return { code, file: call.file, step: call.step, message };
}
