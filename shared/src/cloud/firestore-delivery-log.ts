/** Answers by delivery id and by idempotency key, kept as documents named after a hash of the key. */
import { createHash } from "node:crypto";
import * as v from "valibot";
import { isBifrostError } from "../domain/errors.ts";
import type { DeliveryLog, IdempotencyLog, StoredAnswer } from "../ports/delivery-log.ts";
import type { FirestoreRest } from "./firestore-rest.ts";

async function recordOnce(store: FirestoreRest, path: string, fields: object): Promise<void> {
  try {
    await store.commit([{ set: path, fields, serverTimes: ["at"], must: { exists: false } }]);
  } catch (error) {
    if (!isBifrostError(error, "already-exists")) throw error;
  }
}

/** Keys come from outside: only their hash becomes a document name. */
function nameOf(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

export function firestoreDeliveryLog(store: FirestoreRest): DeliveryLog {
  return {
    async find(deliveryId) {
      const document = await store.get(`webhookDeliveries/${nameOf(deliveryId)}`);
      if (document === null) return null;
      return v.parse(v.object({ answer: v.record(v.string(), v.unknown()) }), document.fields)
        .answer;
    },
    record: (deliveryId, answer) =>
      recordOnce(store, `webhookDeliveries/${nameOf(deliveryId)}`, { deliveryId, answer }),
  };
}

const answerSchema = v.object({ fingerprint: v.string(), status: v.number(), body: v.string() });

export function firestoreIdempotencyLog(store: FirestoreRest): IdempotencyLog {
  return {
    async find(key): Promise<StoredAnswer | null> {
      const document = await store.get(`idempotencyKeys/${nameOf(key)}`);
      return document === null ? null : v.parse(answerSchema, document.fields);
    },
    record: (key, answer) => recordOnce(store, `idempotencyKeys/${nameOf(key)}`, answer),
  };
}
