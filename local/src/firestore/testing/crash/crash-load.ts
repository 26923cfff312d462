/**
 * Writers that know what they wrote: each counts its turns in documents of its own, so that after a kill exactly two
 * states are right, that of the last acknowledged turn and that of the turn that was under way.
 */
import { FieldValue, type Firestore } from "@google-cloud/firestore";

const BATCH = 20;
const ACCOUNTS = 4;
const BALANCE = 1000;
const BALLAST = 3000;
const PADDING = "x".repeat(300);
const ABORTED = 10;

interface WriterKind {
  /** One atomic write for this turn. */
  readonly write: (client: Firestore, id: string, turn: number) => Promise<unknown>;
  /** Whether the documents are as this turn leaves them. */
  readonly isAt: (client: Firestore, id: string, turn: number) => Promise<boolean>;
}

const single: WriterKind = {
  write(client, id, turn) {
    const document = client.doc(`single/${id}`);
    return turn % 5 === 0 ? document.delete() : document.set({ turn, padding: PADDING });
  },
  async isAt(client, id, turn) {
    const found = await client.doc(`single/${id}`).get();
    return turn % 5 === 0 ? !found.exists : found.get("turn") === turn;
  },
};

const batch: WriterKind = {
  write(client, id, turn) {
    const writes = client.batch();
    for (let part = 0; part < BATCH; part += 1) {
      writes.set(client.doc(`batch/${id}p${part}`), { turn, padding: PADDING });
    }
    return writes.commit();
  },
  async isAt(client, id, turn) {
    const parts = Array.from({ length: BATCH }, (_, part) => client.doc(`batch/${id}p${part}`));
    const found = await client.getAll(...parts);
    return found.every((one) => (one.get("turn") ?? 0) === turn);
  },
};

/** Adds to a counter: a write that is lost, halved or done twice shows in it. */
const increment: WriterKind = {
  write(client, id, turn) {
    const writes = client.batch();
    writes.set(client.doc(`counters/${id}`), { count: FieldValue.increment(1) }, { merge: true });
    writes.set(client.doc(`counters/${id}-turn`), { turn, padding: PADDING });
    return writes.commit();
  },
  async isAt(client, id, turn) {
    const [count, at] = await client.getAll(
      client.doc(`counters/${id}`),
      client.doc(`counters/${id}-turn`),
    );
    return (count?.get("count") ?? 0) === turn && (at?.get("turn") ?? 0) === turn;
  },
};

/** Moves one unit between two accounts that others use as well; what all hold together stays the same. */
const transaction: WriterKind = {
  write(client, id, turn) {
    const account = (index: number) => client.doc(`accounts/a${index % ACCOUNTS}`);
    const [from, to] = [account(turn), account(turn + 1 + (turn % (ACCOUNTS - 1)))];
    return client.runTransaction(async (open) => {
      const [source, target] = await open.getAll(from, to);
      open.update(from, { balance: Number(source?.get("balance")) - 1 });
      open.update(to, { balance: Number(target?.get("balance")) + 1 });
      open.set(client.doc(`transfers/${id}`), { turn, padding: PADDING });
    });
  },
  async isAt(client, id, turn) {
    const found = await client.doc(`transfers/${id}`).get();
    return (found.get("turn") ?? 0) === turn;
  },
};

const KINDS: Readonly<Record<string, WriterKind>> = { single, batch, increment, transaction };

/** The server that is written to, as the one that kills it knows it. */
export interface Victim {
  readonly isKilled: boolean;
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>;
}

export class CrashLoad {
  readonly #writers = Object.entries(KINDS).flatMap(([name, kind]) =>
    ["a", "b"].map((suffix) => ({ id: name + suffix, kind, acknowledged: 0, begun: 0 })),
  );
  #acknowledged = 0;

  /** Acknowledged commits. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The accounts, and documents that make a snapshot take its time. */
  static async seed(client: Firestore): Promise<void> {
    const accounts = Array.from({ length: ACCOUNTS }, (_, index) => ({
      path: `accounts/a${index}`,
      data: { balance: BALANCE },
    }));
    const ballast = Array.from({ length: BALLAST }, (_, index) => ({
      path: `ballast/b${index}`,
      data: { padding: PADDING },
    }));
    const all = [...accounts, ...ballast];
    for (let start = 0; start < all.length; start += 500) {
      const writes = client.batch();
      for (const { path, data } of all.slice(start, start + 500))
        writes.set(client.doc(path), data);
      await writes.commit();
    }
  }

  /** Every writer takes turn after turn until the server is killed. Throws when it refuses or ends before that. */
  async run(client: Firestore, victim: Victim, onAcknowledged: () => void): Promise<void> {
    const ended = victim.gone.then(() => {
      if (victim.isKilled) return "gone" as const;
      throw new Error("the server ended although nobody killed it");
    });
    await Promise.all(
      this.#writers.map(async (writer) => {
        for (;;) {
          writer.begun = writer.acknowledged + 1;
          const attempt = writer.kind.write(client, writer.id, writer.begun).then(
            () => "acknowledged" as const,
            (error: unknown) => error,
          );
          const outcome = await Promise.race([attempt, ended]);
          if (outcome === "acknowledged") {
            writer.acknowledged = writer.begun;
            this.#acknowledged += 1;
            onAcknowledged();
          } else if (outcome === "gone") {
            return;
          } else if ((outcome as { code?: unknown }).code !== ABORTED) {
            if (!victim.isKilled) throw outcome;
            // A refused connection may be seen before the end of the process.
            await ended;
          }
        }
      }),
    );
  }

  /** What is wrong with the documents after a restart; each writer goes on from what it finds. */
  async faults(client: Firestore): Promise<string[]> {
    const faults: string[] = [];
    for (const writer of this.#writers) {
      const { id, kind, acknowledged, begun } = writer;
      if (await kind.isAt(client, id, acknowledged)) continue;
      if (begun > acknowledged && (await kind.isAt(client, id, begun))) writer.acknowledged = begun;
      else faults.push(`${id} is neither at turn ${acknowledged} nor at ${begun}`);
    }
    const accounts = await client.collection("accounts").get();
    const total = accounts.docs.reduce((sum, one) => sum + Number(one.get("balance")), 0);
    if (total !== ACCOUNTS * BALANCE) faults.push(`the accounts hold ${total}`);
    const ballast = (await client.collection("ballast").count().get()).data().count;
    if (ballast !== BALLAST) faults.push(`there are ${ballast} documents of ballast`);
    return faults;
  }
}
