/** What a dead collector left behind is deleted by the product's own TTL policy. */
import { FirestoreReplicaStore } from "@bifrost/shared/cloud/firestore-replica-store";
import { FirestoreRest } from "@bifrost/shared/cloud/firestore-rest";
import { newReplica } from "@bifrost/shared/testing/fixtures";
import { expect, test } from "vitest";
import {
  PROJECT,
  startTestFirestore,
  until,
} from "../../local/src/firestore/testing/firestore-fixture.ts";
import { ManualTimers } from "../../local/src/firestore/testing/manual-timers.ts";
import { productIndexes } from "./firestore-world.ts";

test("a replica's document is deleted once it has expired, and not before", async () => {
  const timers = new ManualTimers();
  const server = await startTestFirestore({ timers, indexes: productIndexes });
  const store = new FirestoreReplicaStore(
    new FirestoreRest({
      baseUrl: `http://127.0.0.1:${server.port}`,
      projectId: PROJECT,
      token: async () => "user-svc:collector",
    }),
  );
  const now = timers.now();
  await store.put("d", newReplica({ pod: "dead", receivedAt: now, expireAt: now + 15_000 }), null);
  await store.put("d", newReplica({ pod: "slow", receivedAt: now, expireAt: now + 90_000 }), null);
  timers.advance(60_000);
  await until(() => server.read("deployments/d/replicas/dead") === null, "the first is deleted");
  expect(server.read("deployments/d/replicas/slow")).not.toBeNull();
  timers.advance(60_000);
  await until(() => server.read("deployments/d/replicas/slow") === null, "the other one too");
  await server.stop();
});
