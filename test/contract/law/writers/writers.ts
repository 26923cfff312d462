/** Many writers at once on one store, each choosing what to do by chance. */
import type { World } from "../../firestore-world.ts";
import { COMMIT_WAYS, type Connections } from "../ways.ts";
import { deed, forgedCreation, forgedMove, illegalMove } from "./forged-operations.ts";
import { create, move, note } from "./lawful-operations.ts";
import { LOST_RACES, type Operation, type Promised, type SentOperation } from "./operation.ts";
import type { SharedWorld } from "./writers-world.ts";

type Choose = (shared: SharedWorld) => Operation | null;

/** How often each is chosen, of a hundred. */
const CHOICES: readonly (readonly [weight: number, choose: Choose])[] = [
  [46, move],
  [6, create],
  [16, note],
  [8, illegalMove],
  [12, forgedMove],
  [4, forgedCreation],
  [8, deed],
];
/** So often a commit is sent again that was sent before, as after a lost answer. */
const AGAIN = 0.08;
const REMEMBERED = 200;

export class Writers {
  readonly #shared: SharedWorld;
  readonly #connections: Connections;
  readonly #recent: SentOperation[] = [];
  /** Records that the store said it stored. */
  readonly acknowledged: Promised[] = [];
  /** Outcomes by kind. */
  readonly tally = new Map<string, Map<string, number>>();
  /** Operations that the law refuses and the store did not, and answers that nobody expects. */
  readonly surprises: string[] = [];
  sent = 0;

  constructor(shared: SharedWorld, connections: Connections) {
    this.#shared = shared;
    this.#connections = connections;
  }

  /** Goes on until `count` operations were sent in all, `width` at a time. */
  async run(count: number, width: number): Promise<void> {
    const writer = async () => {
      while (this.sent < count) {
        this.sent += 1;
        await this.#act();
      }
    };
    await Promise.all(Array.from({ length: width }, writer));
  }

  async #act(): Promise<void> {
    const shared = this.#shared;
    if (this.#recent.length > 0 && shared.chance(AGAIN)) {
      const before = shared.pick(this.#recent);
      // What passed told its record, which is there now; what changed nothing that lasts may pass again.
      const isForged = before.isForged || (before.outcome === "OK" && before.promises.length > 0);
      return this.#send({ ...before, kind: `${before.kind}, again`, isForged });
    }
    return this.#send(this.#choose());
  }

  #choose(): Operation {
    for (;;) {
      let left = this.#shared.random() * 100;
      const chosen = CHOICES.find(([weight]) => (left -= weight) < 0)?.[1] ?? move;
      const isBeginning = this.#shared.deployments.length < 2;
      const operation = (isBeginning ? create : chosen)(this.#shared);
      if (operation !== null) return operation;
    }
  }

  async #send(operation: Operation): Promise<void> {
    const way = this.#shared.pick(COMMIT_WAYS);
    const token = await tokenOf(this.#shared.world, operation.by);
    const outcome = await way.write(this.#connections, token, operation.writes);
    this.#count(operation.kind, outcome);
    const isExpected = LOST_RACES.includes(outcome) || (outcome === "OK" && !operation.isForged);
    if (!isExpected) {
      const told = JSON.stringify(operation.writes);
      this.surprises.push(`${operation.kind} by ${operation.by} (${way.name}): ${outcome} ${told}`);
    }
    if (outcome === "OK") this.#passed(operation);
    this.#remember({ ...operation, way, outcome });
  }

  #passed({ promises }: Operation): void {
    this.acknowledged.push(...promises);
    for (const { id, seq } of promises) if (seq === 1) this.#shared.deployments.push(id);
  }

  #remember(sent: SentOperation): void {
    const { kind } = sent;
    if (kind.endsWith("again")) return;
    if (this.#recent.length < REMEMBERED) this.#recent.push(sent);
    else this.#recent[Math.floor(this.#shared.random() * REMEMBERED)] = sent;
  }

  #count(kind: string, outcome: string): void {
    const counts = this.tally.get(kind) ?? new Map<string, number>();
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    this.tally.set(kind, counts);
  }
}

function tokenOf(world: World, by: string | null): Promise<string> | null {
  if (by === null) return null;
  if (by.startsWith("person:")) return world.token(by.slice("person:".length));
  return world.token(`svc:${by}`, { svc: by });
}
