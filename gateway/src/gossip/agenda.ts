/** What a node means to do and when, as data: the owner asks for the earliest time and comes back then. */
export type Task =
  | { readonly kind: "probe-round" }
  | { readonly kind: "probe-timeout"; readonly seq: number }
  | { readonly kind: "probe-verdict"; readonly seq: number }
  | { readonly kind: "confirm"; readonly id: string }
  | { readonly kind: "suspicion"; readonly id: string }
  | { readonly kind: "gossip" }
  | { readonly kind: "push" }
  | { readonly kind: "push-pull" }
  | { readonly kind: "rejoin" };

export type Agenda = Map<string, { at: number; readonly task: Task }>;

function keyOf(task: Task): string {
  if ("seq" in task) return `${task.kind}:${task.seq}`;
  return "id" in task ? `${task.kind}:${task.id}` : task.kind;
}

/** Replaces the same task's former time. */
export function schedule(agenda: Agenda, task: Task, at: number): void {
  agenda.set(keyOf(task), { at, task });
}

/** Unless it is there already. */
export function scheduleOnce(agenda: Agenda, task: Task, at: number): void {
  const key = keyOf(task);
  if (!agenda.has(key)) agenda.set(key, { at, task });
}

export function cancel(agenda: Agenda, task: Task): void {
  agenda.delete(keyOf(task));
}

/** When the next one is due; Infinity of none. */
export function earliest(agenda: Agenda): number {
  let at = Infinity;
  for (const entry of agenda.values()) if (entry.at < at) at = entry.at;
  return at;
}

/** Takes out the one that has been due for longest; null = nothing is due. */
export function takeDue(agenda: Agenda, now: number): Task | null {
  let first: string | null = null;
  let at = now;
  for (const [key, entry] of agenda) {
    if (entry.at > at || (entry.at === at && first !== null)) continue;
    at = entry.at;
    first = key;
  }
  if (first === null) return null;
  const task = agenda.get(first)?.task ?? null;
  agenda.delete(first);
  return task;
}

/** All of it later by the same time. */
export function postpone(agenda: Agenda, byMs: number): void {
  for (const entry of agenda.values()) entry.at += byMs;
}
