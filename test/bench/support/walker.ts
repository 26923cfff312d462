/** A deployment on its way around the lifecycle: every state, the failure at the end, the retry, for ever. */
import { encodeFields } from "@bifrost/shared/cloud/firestore-values";
import { transitionId } from "@bifrost/shared/domain/deployment";
import { findMove, HAPPY_PATH, type Move, type State } from "@bifrost/shared/domain/lifecycle";
import { DOCUMENTS, type StoreUnderBench } from "./store-under-bench.ts";

const CIRCLE: readonly State[] = [...HAPPY_PATH, "failed"];
const FIELDS: Readonly<Record<string, unknown>> = {
  imageDigest: `sha256:${"a".repeat(64)}`,
  manifestsHash: "b".repeat(64),
  url: "http://bench.localhost",
  failure: { code: "cancelled", message: "measured", hint: "", details: [], state: "healthy" },
};

export class Walker {
  readonly #id: string;
  #at = 0;
  #seq = 1;
  #attempt = 1;
  #version: string;

  /** `version` is the update time of the deployment, which is at `queued`. */
  constructor(id: string, version: string) {
    this.#id = id;
    this.#version = version;
  }

  /** One move, by REST with the ID token of the principal that owns it. */
  async step(store: StoreUnderBench): Promise<void> {
    const from = CIRCLE[this.#at % CIRCLE.length] ?? "queued";
    const to = CIRCLE[(this.#at + 1) % CIRCLE.length] ?? "queued";
    const move = findMove(from, to);
    if (move === undefined) throw new Error(`the table has no move from ${from} to ${to}`);
    this.#at += 1;
    this.#seq += 1;
    if (to === "queued") this.#attempt += 1;
    this.#version = await store.commit(store.tokenOf(move.owner), this.#writes(move));
  }

  #writes(move: Move): readonly object[] {
    const seq = this.#seq;
    const attempt = this.#attempt;
    const extra = Object.fromEntries(
      move.writes.map((field) => [field, move.to === "queued" ? null : FIELDS[field]]),
    );
    const changes = { state: move.to, seq, attempt, ...extra };
    const transition = { from: move.from, to: move.to, by: move.owner, attempt, seq };
    const name = `${DOCUMENTS}/deployments/${this.#id}`;
    return [
      {
        update: { name, fields: encodeFields(changes) },
        updateMask: { fieldPaths: Object.keys(changes) },
        updateTransforms: [{ fieldPath: "stateSince", setToServerValue: "REQUEST_TIME" }],
        currentDocument: { updateTime: this.#version },
      },
      {
        update: {
          name: `${name}/transitions/${transitionId(seq)}`,
          fields: encodeFields({ ...transition, why: null, evidence: null }),
        },
        updateTransforms: [{ fieldPath: "at", setToServerValue: "REQUEST_TIME" }],
        currentDocument: { exists: false },
      },
    ];
  }
}
