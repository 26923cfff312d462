/** A member of the team who follows deployments over gRPC, with Google's own client, while others write. */
import { serverClient } from "../../../../local/src/firestore/testing/signed-client.ts";
import { PROJECT_ID } from "../../firestore-world.ts";

export interface Sighting {
  readonly seq: number;
  readonly state: string;
  readonly attempt: number;
}

export class Onlooker {
  readonly #client: ReturnType<typeof serverClient>;
  readonly #stops: (() => void)[] = [];
  /** What was seen of each deployment, in the order it was seen. */
  readonly states = new Map<string, Sighting[]>();
  /** Names of the records that were seen of each deployment, in the order they were seen. */
  readonly records = new Map<string, string[]>();
  readonly errors: string[] = [];

  constructor(address: string, token: string) {
    this.#client = serverClient(PROJECT_ID, address, token);
  }

  follow(id: string): void {
    const seen: Sighting[] = [];
    const records: string[] = [];
    this.states.set(id, seen);
    this.records.set(id, records);
    const failed = (error: Error) => this.errors.push(`${id}: ${error.message}`);
    const document = this.#client.doc(`deployments/${id}`);
    this.#stops.push(
      document.onSnapshot((snapshot) => {
        const { seq, state, attempt } = snapshot.data() ?? {};
        seen.push({ seq: Number(seq), state: String(state), attempt: Number(attempt) });
      }, failed),
      document.collection("transitions").onSnapshot((snapshot) => {
        for (const change of snapshot.docChanges()) {
          if (change.type === "added") records.push(change.doc.id);
          else this.errors.push(`${id}: record ${change.doc.id} was ${change.type}`);
        }
      }, failed),
    );
  }

  async leave(): Promise<void> {
    for (const stop of this.#stops) stop();
    await this.#client.terminate();
  }
}
