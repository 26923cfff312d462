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

export type { CommitRecord, StoredDocument } from "./document.ts";

export interface FirestoreOptions extends StandInOptions {
  readonly projectId: string;
  readonly rules: Rules;
  /** Queries that none of these serves are refused; absent, every query runs. */
  readonly indexes?: IndexDefinitions;
  /** Verifies a bearer ID token (signature, exp, aud, iss); rejects with an Error for a bad one. */
  readonly verifyIdToken: VerifyIdToken;
  /** The administrator's bearer token; the client libraries' own `owner` when absent. */
  readonly ownerToken?: string;
}

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
  const access = new Access(store, options.rules);
  const database = new DatabaseName(options.projectId);
  const indexes = options.indexes === undefined ? noIndexCheck : indexCheck(options.indexes);
  const context: RpcContext = { store, access, indexes, database, timers };
  const parts = {
    context,
    callers: new CallerResolver(options.verifyIdToken, timers, options.ownerToken ?? "owner"),
    log,
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
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    grpc.forceShutdown();
    await shared.close();
    await store.close();
  };
  return {
    product: "firestore",
    host: "127.0.0.1",
    port: shared.port,
    info: () => infoOf(store, access),
    stop: () => (stopping ??= stop()),
    onCommit: (listener) => store.onCommit(listener),
    replay: async (after, visit) => store.replay(after, visit),
    lastSequence: () => store.lastSequence,
    read: (path) => store.durable.get(database.full(path)),
  };
}

function infoOf(store: Store, access: Access): Readonly<Record<string, unknown>> {
  return {
    documents: store.durable.size,
    lastSequence: store.lastSequence,
    openTransactions: store.transactions.size,
    logBytes: store.logBytes,
    syncs: store.syncs,
    ...access.info(),
  };
}
