/** An embedded Firestore: gRPC and REST on one port, security rules, a durable log. */
import { ServerCredentials } from "@grpc/grpc-js";
import { Access } from "./access.ts";
import { CallerResolver, type VerifyIdToken } from "./caller.ts";
import type { CommitRecord, StoredDocument } from "./document.ts";
import { createGrpcServer } from "./grpc-server.ts";
import { indexCheck, noIndexCheck } from "./indexes/index-check.ts";
import type { IndexDefinitions } from "./indexes/index-file.ts";
import { openJournal, openMemoryJournal } from "./open-journal.ts";
import { DatabaseName } from "./resource-name.ts";
import { createRestServer } from "./rest-server.ts";
import type { RpcContext } from "./rpc/method.ts";
import type { Rules } from "./rules/rules.ts";
import { openSharedPort } from "../serving/shared-port.ts";
import type { RunningStandIn, StandInOptions } from "../stand-in.ts";
import { Store } from "./store.ts";
import { ReplaceableRules } from "./test-mode/replaceable-rules.ts";
import { testEndpoints, type TestEndpoints } from "./test-mode/test-endpoints.ts";
import { readUnsignedToken } from "./test-mode/unsigned-token.ts";
import { TtlSweep } from "./ttl-sweep.ts";

export type { CommitRecord, StoredDocument } from "./document.ts";

interface DatabaseOptions extends StandInOptions {
  /** The server holds the `(default)` database of this one project and refuses every other by name. */
  readonly projectId: string;
  readonly rules: Rules;
  /** Queries that none of these serves are refused, TTL fields are swept; absent, every query runs. */
  readonly indexes?: IndexDefinitions;
}

interface GuardedOptions extends DatabaseOptions {
  readonly testMode?: false;
  /** Verifies a bearer ID token (signature, exp, aud, iss); rejects with an Error for a bad one. */
  readonly verifyIdToken: VerifyIdToken;
  /** The administrator's bearer token. */
  readonly ownerToken: string;
}

/**
 * What Google's emulator does, for tests that bring their own clients: unsigned ID tokens are believed, `owner` is the
 * administrator's token, and the rules can be replaced and all documents deleted over /emulator/v1 by anyone.
 */
interface TestModeOptions extends DatabaseOptions {
  readonly testMode: true;
}

export type FirestoreOptions = GuardedOptions | TestModeOptions;

export interface RunningFirestore extends RunningStandIn {
  /** Called synchronously after a commit is durable, in commit order, before it is acknowledged. */
  onCommit(listener: (commit: CommitRecord) => void): () => void;
  /** Visits the durable commits with a sequence above `after`, in order; in memory there are none to visit. */
  replay(after: number, visit: (commit: CommitRecord) => void): Promise<void>;
  /** Sequence of the newest durable commit; 0 when there is none. */
  lastSequence(): number;
  /** The durable document at `deployments/x` or at a full name, past the rules. */
  read(path: string): StoredDocument | null;
}

/** Throws BifrostError "port-taken", "already-running" or "data-corrupt". */
export async function startFirestore(options: FirestoreOptions): Promise<RunningFirestore> {
  const { dataDir, log, timers } = options;
  const opened = dataDir === undefined ? openMemoryJournal() : openJournal(dataDir, log);
  const store = new Store(opened, timers, log);
  const database = new DatabaseName(options.projectId);
  const doors: Doors = options.testMode === true ? openDoors(options, store, database) : options;
  const access = new Access(store, doors.rules);
  const indexes = options.indexes === undefined ? noIndexCheck : indexCheck(options.indexes);
  const context: RpcContext = { store, access, indexes, database, timers };
  const parts = {
    context,
    callers: new CallerResolver(doors.verifyIdToken, timers, doors.ownerToken),
    log,
    ...(doors.testEndpoints === undefined ? {} : { testEndpoints: doors.testEndpoints }),
  };
  const grpc = createGrpcServer(parts);
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  const shared = await openSharedPort(
    options.port ?? 0,
    (socket) => injector.injectConnection(socket),
    createRestServer(parts),
  ).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const ttl = new TtlSweep(store, timers, log, options.indexes?.ttlFields ?? []);
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    grpc.forceShutdown();
    await shared.close();
    // A deletion may be waiting for a document that a transaction holds.
    store.transactions.endAll();
    await ttl.stop();
    await store.close();
  };
  return {
    product: "firestore",
    host: "127.0.0.1",
    port: shared.port,
    info: () => infoOf(store, access, ttl),
    stop: () => (stopping ??= stop()),
    onCommit: (listener) => store.onCommit(listener),
    replay: async (after, visit) => store.replay(after, visit),
    lastSequence: () => store.lastSequence,
    read: (path) => store.durable.get(database.full(path)),
  };
}

/** Whom a server believes and whose rules hold. */
interface Doors {
  readonly rules: Rules;
  readonly verifyIdToken: VerifyIdToken;
  readonly ownerToken: string;
  readonly testEndpoints?: TestEndpoints;
}

function openDoors(options: TestModeOptions, store: Store, database: DatabaseName): Doors {
  const rules = new ReplaceableRules(options.rules);
  const endpoints = testEndpoints(store, database, rules);
  return {
    rules,
    verifyIdToken: readUnsignedToken,
    ownerToken: "owner",
    testEndpoints: endpoints,
  };
}

function infoOf(store: Store, access: Access, ttl: TtlSweep): Readonly<Record<string, unknown>> {
  return {
    documents: store.durable.size,
    lastSequence: store.lastSequence,
    openTransactions: store.transactions.size,
    logBytes: store.logBytes,
    syncs: store.syncs,
    expiredDocuments: ttl.deleted,
    ...access.info(),
  };
}
