/**
 * Policies through Firestore snapshot listeners, and by asking now and then: a listener that has fallen silent without
 * saying so costs half a minute, not the day.
 */
import type { DocumentSnapshot, Firestore, Query, QuerySnapshot } from "@google-cloud/firestore";
import * as v from "valibot";
import { messageOf } from "../domain/errors.ts";
import { type Policy, policySchema, policyVersionSchema } from "../domain/policy.ts";
import type { Timer, Timers } from "../domain/time.ts";
import type { Logger } from "../ports/logger.ts";
import type { PendingVersion, PolicyPicture, PolicySource } from "../ports/policy-source.ts";

export interface FirestorePoliciesOptions {
  readonly firestore: Firestore;
  readonly timers: Timers;
  readonly log: Logger;
}

/** The client reconnects by itself; only errors it gives up on reach us, and are tried again after this. */
const RESUBSCRIBE_MS = 1000;
const POLL_MS = 30_000;

export class FirestorePolicySource implements PolicySource {
  private readonly options: FirestorePoliciesOptions;

  constructor(options: FirestorePoliciesOptions) {
    this.options = options;
  }

  watch(listener: (picture: PolicyPicture) => void): () => void {
    const { firestore } = this.options;
    let policies: PolicyPicture["policies"] | null = null;
    let pending: PolicyPicture["pending"] | null = null;
    const tell = (): void => {
      if (policies !== null && pending !== null) listener({ policies, pending });
    };
    const stops = [
      this.follow(firestore.collection("policies"), (snapshot) => {
        policies = this.policiesIn(snapshot);
        tell();
      }),
      this.follow(
        firestore.collectionGroup("versions").where("verdict", "==", "pending"),
        (snapshot) => {
          pending = this.pendingIn(snapshot);
          tell();
        },
      ),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** Tells what the listener hears, and what a question every half minute finds. */
  private follow(query: Query, onSnapshot: (snapshot: QuerySnapshot) => void): () => void {
    const { timers, log } = this.options;
    let newest = 0;
    let stop: (() => void) | null = null;
    let retry: Timer | null = null;
    let nextPoll: Timer | null = null;
    let isStopped = false;
    // What was read earlier than what is known already says nothing new.
    const take = (snapshot: QuerySnapshot): void => {
      const readAt = snapshot.readTime.toMillis();
      if (isStopped || readAt < newest) return;
      newest = readAt;
      onSnapshot(snapshot);
    };
    const failed = (what: string) => (error: unknown) => {
      if (!isStopped) log.warn(what, { error: messageOf(error) });
    };
    const subscribe = (): void => {
      stop = query.onSnapshot(take, (error) => {
        failed("firestore listener for policies ended")(error);
        if (!isStopped) retry = timers.after(RESUBSCRIBE_MS, subscribe);
      });
    };
    const poll = (): void => {
      query
        .get()
        .then(take)
        .catch(failed("policies could not be asked for"))
        .finally(() => {
          if (!isStopped) nextPoll = timers.after(POLL_MS, poll);
        });
    };
    subscribe();
    nextPoll = timers.after(POLL_MS, poll);
    return () => {
      isStopped = true;
      retry?.cancel();
      nextPoll?.cancel();
      stop?.();
    };
  }

  private policiesIn(snapshot: QuerySnapshot): ReadonlyMap<string, Policy> {
    const found = snapshot.docs.flatMap((document) => {
      const policy = this.parsed(document, policySchema);
      return policy === null ? [] : [[policy.name, policy] as const];
    });
    return new Map(found);
  }

  private pendingIn(snapshot: QuerySnapshot): readonly PendingVersion[] {
    return snapshot.docs.flatMap((document) => {
      const version = this.parsed(document, policyVersionSchema);
      const policy = document.ref.parent.parent;
      return version === null || policy?.parent.id !== "policies"
        ? []
        : [{ policy: policy.id, version }];
    });
  }

  private parsed<Schema extends v.GenericSchema>(
    document: DocumentSnapshot,
    schema: Schema,
  ): v.InferOutput<Schema> | null {
    const result = v.safeParse(schema, withDates(document.data()));
    if (result.success) return result.output;
    this.options.log.warn("policy ignored: not valid", {
      document: document.ref.path,
      problem: result.issues[0].message,
    });
    return null;
  }
}

/** Timestamps of the client as dates, at any depth. */
function withDates(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withDates);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if ("toDate" in value && typeof value.toDate === "function") return value.toDate();
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withDates(one)]));
}
