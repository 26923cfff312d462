/** Ten clients race for documents through every way of writing: one wins a move, nothing is lost, no half is seen. */
import { Agent, request } from "node:http";
import { deleteApp, initializeApp } from "firebase/app";
import {
  connectFirestoreEmulator,
  doc,
  getFirestore,
  increment,
  setDoc,
  terminate,
  writeBatch,
} from "firebase/firestore";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { until } from "../testing/firestore-fixture.ts";
import {
  anotherClient,
  db,
  freshCollection,
  isForeign,
  PROJECT,
  ROOT,
  targetAddress,
} from "./emulator-target.ts";

const CLIENTS = 10;
const IS_LONG = process.env["BIFROST_SOAK"] === "long";
const TIMEOUT_MS = IS_LONG ? 600_000 : 60_000;
/** A round is one race of all clients. Another server may be slower by far, and is not soaked. */
const ROUNDS = (usual: number): number =>
  isForeign ? Math.ceil(usual / 20) : usual * (IS_LONG ? 20 : 1);

let base = "";
beforeEach(() => {
  base = freshCollection();
});

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** One connection that stays open: thousands of rounds cost little. */
class RestClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  post(path: string, body: object): Promise<Answer> {
    const { host, port } = targetAddress();
    const headers = { authorization: "Bearer owner", "content-type": "application/json" };
    const options = {
      host,
      port,
      path: `/v1/${ROOT}${path}`,
      method: "POST",
      agent: this.#agent,
      headers,
    };
    return new Promise((resolve, reject) => {
      const call = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as unknown });
        });
      });
      call.on("error", reject);
      call.end(JSON.stringify(body));
    });
  }

  /** Whether the commit was applied; any refusal but the expected ones is an error. */
  async commits(...writes: object[]): Promise<boolean> {
    const { status, body } = await this.post(":commit", { writes });
    if (status === 200) return true;
    const { error } = body as { error: { status: string } };
    if (["ALREADY_EXISTS", "FAILED_PRECONDITION", "ABORTED", "NOT_FOUND"].includes(error.status))
      return false;
    throw new Error(`the commit answered ${error.status}`);
  }

  close(): void {
    this.#agent.destroy();
  }
}

const nameOf = (id: string): string => `${ROOT}/${base}/${id}`;
const set = (id: string, n: number, currentDocument?: object): object => ({
  update: { name: nameOf(id), fields: { n: { integerValue: String(n) } } },
  ...(currentDocument && { currentDocument }),
});
const add = (id: string): object => ({
  transform: {
    document: nameOf(id),
    fieldTransforms: [{ fieldPath: "n", increment: { integerValue: "1" } }],
  },
});

export function isolationContract(): void {
  describe("ten clients at one document", { timeout: TIMEOUT_MS }, () => {
    const clients: RestClient[] = [];
    beforeAll(() => {
      clients.push(...Array.from({ length: CLIENTS }, () => new RestClient()));
    });
    afterAll(() => clients.forEach((client) => client.close()));

    const first = (): RestClient => clients[0] ?? new RestClient();
    const race = async (
      move: (client: RestClient, n: number) => Promise<boolean>,
    ): Promise<number> => {
      const outcomes = await Promise.all(clients.map(move));
      return outcomes.filter(Boolean).length;
    };
    const counted = async (id: string): Promise<number> => {
      const { body } = await first().post(":batchGet", { documents: [nameOf(id)] });
      const [answer] = body as { found?: { fields: { n: { integerValue: string } } } }[];
      return Number(answer?.found?.fields.n.integerValue);
    };

    test("a move from one version is made by exactly one", async () => {
      let { body } = await first().post(":commit", { writes: [set("a", 0)] });
      for (let round = 0; round < ROUNDS(600); round += 1) {
        const { writeResults } = body as { writeResults: { updateTime: string }[] };
        const currentDocument = { updateTime: writeResults[0]?.updateTime };
        // Every client writes another value: a write of what is there changes no version.
        const won = await race((client, n) =>
          client.commits(set("a", round * CLIENTS + n + 1, currentDocument)),
        );
        expect(won).toBe(1);
        ({ body } = await first().post(":commit", { writes: [add("a")] }));
      }
    });

    test("a document is created by exactly one", async () => {
      for (let round = 0; round < ROUNDS(400); round += 1) {
        const won = await race((client, n) =>
          client.commits(set(`d${round}`, n, { exists: false })),
        );
        expect(won).toBe(1);
      }
      for (let round = 0; round < ROUNDS(100); round += 1) {
        const path = `/${base}?documentId=c${round}`;
        const won = await race(
          async (client) => (await client.post(path, { fields: {} })).status === 200,
        );
        expect(won).toBe(1);
      }
    });

    test("a document is deleted by exactly one", async () => {
      for (let round = 0; round < ROUNDS(200); round += 1) {
        await first().commits(set("a", round));
        const gone = { delete: nameOf("a"), currentDocument: { exists: true } };
        expect(await race((client) => client.commits(gone))).toBe(1);
      }
    });

    test("no increment is lost", async () => {
      const rounds = ROUNDS(300);
      await Promise.all(
        clients.map(async (client) => {
          for (let round = 0; round < rounds; round += 1) await client.commits(add("a"));
        }),
      );
      expect(await counted("a")).toBe(rounds * CLIENTS);
    });

    test("transactions over REST that commit have read what they replace", async () => {
      await first().commits(set("a", 0));
      let applied = 0;
      const move = async (client: RestClient): Promise<void> => {
        const begun = await client.post(":batchGet", {
          documents: [nameOf("a")],
          newTransaction: {},
        });
        if (begun.status !== 200) return;
        const answers = begun.body as {
          transaction?: string;
          found?: { fields: { n: { integerValue: string } } };
        }[];
        const transaction = answers.find((answer) => answer.transaction !== undefined)?.transaction;
        const n = Number(
          answers.find(({ found }) => found !== undefined)?.found?.fields.n.integerValue,
        );
        const { status } = await client.post(":commit", { transaction, writes: [set("a", n + 1)] });
        if (status === 200) applied += 1;
      };
      for (let round = 0; round < ROUNDS(100); round += 1) await Promise.all(clients.map(move));
      expect(applied).toBeGreaterThan(0);
      expect(await counted("a")).toBe(applied);
    });

    test("transactions of the server client lose nothing", async () => {
      const rounds = ROUNDS(10);
      await db().doc(`${base}/a`).set({ n: 0 });
      const servers = Array.from({ length: CLIENTS }, anotherClient);
      for (let round = 0; round < rounds; round += 1) {
        const moves = servers.map((client) =>
          client.runTransaction(
            async (transaction) => {
              const snapshot = await transaction.get(client.doc(`${base}/a`));
              transaction.update(snapshot.ref, { n: Number(snapshot.get("n")) + 1 });
            },
            { maxAttempts: 50 },
          ),
        );
        await Promise.all(moves);
      }
      expect(await counted("a")).toBe(rounds * CLIENTS);
    });

    test("write streams of the web SDK lose nothing", async () => {
      const rounds = ROUNDS(20);
      const apps = Array.from({ length: CLIENTS }, (_, n) =>
        initializeApp({ projectId: PROJECT }, `race-${n}`),
      );
      const { host, port } = targetAddress();
      await Promise.all(
        apps.map(async (app) => {
          const web = getFirestore(app);
          connectFirestoreEmulator(web, host, port, { mockUserToken: "owner" });
          const sent = Array.from({ length: rounds }, () =>
            setDoc(doc(web, base, "a"), { n: increment(1) }, { merge: true }),
          );
          await Promise.all(sent);
          const both = writeBatch(web)
            .set(doc(web, base, app.name), { n: 1 })
            .set(doc(web, base, "a"), { n: increment(1) }, { merge: true });
          await both.commit();
          await terminate(web);
          await deleteApp(app);
        }),
      );
      expect(await counted("a")).toBe((rounds + 1) * CLIENTS);
    });

    test("no reader sees half of a batch: by name, by query, or as a listener", async () => {
      await first().commits(set("left", 0), set("right", 0));
      const halves: string[] = [];
      const check = (how: string, values: readonly unknown[]): void => {
        if (values.length !== 2 || values[0] !== values[1])
          halves.push(`${how}: ${values.join(" and ")}`);
      };
      let snapshots = 0;
      let newest = 0;
      const unsubscribe = db()
        .collection(base)
        .onSnapshot(({ docs }) => {
          snapshots += 1;
          newest = Number(docs[0]?.get("n"));
          check(
            "listener",
            docs.map((one) => one.get("n") as unknown),
          );
        });
      await until(() => snapshots > 0, "the first snapshot");
      const [writer = first(), byName = first(), byQuery = first()] = clients;
      const parent = base.slice(0, base.lastIndexOf("/"));
      const structuredQuery = { from: [{ collectionId: "items" }] };
      const documents = [nameOf("left"), nameOf("right")];
      type Found = { readonly fields: { readonly n: { readonly integerValue: string } } };
      const valuesOf = (answer: Answer, key: "found" | "document"): string[] =>
        (answer.body as Partial<Record<string, Found>>[]).flatMap(
          (row) => row[key]?.fields.n.integerValue ?? [],
        );
      const rounds = ROUNDS(1000);
      const writing = { isOver: false };
      const read = async (how: string, next: () => Promise<string[]>): Promise<void> => {
        while (!writing.isOver) check(how, await next());
      };
      const reads = [
        read("by name", async () =>
          valuesOf(await byName.post(":batchGet", { documents }), "found"),
        ),
        read("by query", async () =>
          valuesOf(await byQuery.post(`/${parent}:runQuery`, { structuredQuery }), "document"),
        ),
      ];
      for (let n = 1; n <= rounds; n += 1) await writer.commits(set("left", n), set("right", n));
      writing.isOver = true;
      await Promise.all(reads);
      await until(() => newest === rounds, "the listener's last snapshot");
      unsubscribe();
      expect(halves).toEqual([]);
    });
  });
}
