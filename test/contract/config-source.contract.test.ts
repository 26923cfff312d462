/** Sources of configuration: the embedded Firestore and a real PostgreSQL. */
import type { Firestore } from "@google-cloud/firestore";
import type { RunningFirestore } from "@bifrost/local/firestore/index";
import {
  clientFor,
  PROJECT,
  startTestFirestore,
} from "@bifrost/local/firestore/testing/firestore-fixture";
import { connectFirestore } from "@bifrost/shared/cloud/connect-firestore";
import { FirestoreConfigSource } from "@bifrost/shared/cloud/firestore-config-source";
import { PostgresConfigStore } from "@bifrost/shared/cloud/postgres-config-store";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import {
  configSourceContract,
  type ConfigSourceSubject,
} from "@bifrost/shared/testing/config-source.contract";
import { postgresPrograms, TestPostgres } from "@bifrost/shared/testing/test-postgres";
import { afterAll, beforeAll, beforeEach, describe } from "vitest";

const base = { timers: systemTimers, log: silentLogger };

describe("Firestore", () => {
  let server: RunningFirestore;
  let writer: Firestore;
  let reader: Firestore;
  beforeAll(async () => {
    server = await startTestFirestore();
    writer = clientFor(server);
    const host = `127.0.0.1:${server.port}`;
    reader = await connectFirestore(PROJECT, { host, token: "owner" });
  });
  afterAll(async () => {
    await Promise.all([writer.terminate(), reader.terminate()]);
    await server.stop();
  });

  configSourceContract(() => ({
    source: new FirestoreConfigSource({ firestore: reader, ...base }),
    async write(kind, id, value) {
      const document = writer.collection(kind).doc(id);
      await (value === null ? document.delete() : document.set(value));
    },
  }));
});

describe("PostgreSQL", () => {
  const programs = postgresPrograms();
  let server: TestPostgres | null = null;
  let store: PostgresConfigStore | null = null;
  beforeAll(async () => {
    if (programs === null) return;
    server = await TestPostgres.start(programs);
    store = await PostgresConfigStore.open({ ...databaseOf(server), ...base });
  });
  beforeEach((context) => {
    if (programs === null) context.skip("postgresql is not installed");
  });
  afterAll(async () => {
    await store?.close();
    await server?.stop();
  });

  configSourceContract((): ConfigSourceSubject => {
    const source = store;
    if (source === null) throw new Error("PostgreSQL did not start");
    return {
      source,
      write: async (kind, id, value) => void (await source.write({ kind, id, value })),
    };
  });
});

function databaseOf({ host, port, user, password, database }: TestPostgres) {
  return { host, port, user, password, database, sslMode: "disable" } as const;
}
