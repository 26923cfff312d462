/** An embedded Firestore: gRPC, REST and WebChannel on one port, security rules, a durable log. */
import { ServerCredentials } from "@grpc/grpc-js";
import { Access } from "./access.ts";
import { CallerResolver, type VerifyIdToken } from "./edge/caller.ts";
import type { CommitRecord, StoredDocument } from "./document.ts";
import { EDGE_LIMITS, type EdgeLimits } from "./edge/edge-limits.ts";
import { createGrpcServer } from "./grpc/grpc-server.ts";
import { indexCheck, noIndexCheck } from "./indexes/index-check.ts";
import type { IndexDefinitions } from "./indexes/index-file.ts";
import type { CompactionLimits } from "./journal/compactor.ts";
import { openJournal, openMemoryJournal, type JournalOptions } from "./journal/open-journal.ts";
import { DatabaseName } from "./resource-name.ts";
import { createRestServer } from "./rest/rest-server.ts";
import type { RpcContext } from "./rpc/method.ts";
import type { Rules } from "./rules/rules.ts";
import { guardStreams } from "../serving/guard-streams.ts";
import { OpenConnections } from "../serving/open-connections.ts";
import { openSharedPort } from "../serving/shared-port.ts";
import type { RunningStandIn, StandInOptions } from "../stand-in.ts";
import { Store } from "./store/store.ts";
import { openDoors, type Doors } from "./test-mode/open-doors.ts";
import { TtlSweep } from "./store/ttl-sweep.ts";
import { WatchHub } from "./watch/watch-hub.ts";
import { WebChannel } from "./webchannel/web-channel.ts";

export type { CommitRecord, StoredDocument } from "./document.ts";

interface DatabaseOptions extends StandInOptions {
  /** The server holds the `(default)` database of this one project and refuses every other by name. */
  readonly projectId: string;
  readonly rules: Rules;
  /** Queries that none of these serves are refused, TTL fields are swept; absent, every query runs. */
  readonly indexes?: IndexDefinitions;
  /** Whether somebody will call `retain`: until then nothing is deleted that it might ask for. */
  readonly awaitsReader?: boolean;
  /** When the log is compacted; absent, as COMPACTION_LIMITS says. */
  readonly compaction?: CompactionLimits;
  /** Other bounds than EDGE_LIMITS, for tests. */
  readonly limits?: Partial<EdgeLimits>;
}

interface GuardedOptions extends DatabaseOptions {
  readonly testMode?: false;
  /** Verifies a bearer ID token (signature, exp, aud, iss); rejects with an Error for a bad one. */
  readonly verifyIdToken: VerifyIdToken;
  /** The administrator's bearer token: whoever knows it is bound by no rule. */
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
  /**
   * Visits the durable commits with a sequence above `after`, in order; in memory there are none to visit.
   * Rejects with ReplayGap when some are no longer kept.
   */
  replay(after: number, visit: (commit: CommitRecord) => void): Promise<void>;
  /** From now on `replay` works for what `floor` answers and for everything above it. */
  retain(floor: () => number): void;
  /** Sequence of the newest durable commit; 0 when there is none. */
  lastSequence(): number;
  /** The durable document at `deployments/x` or at a full name, past the rules. */
  read(path: string): StoredDocument | null;
}

/** Throws BifrostError "port-taken", "already-running" or "data-corrupt". */
export async function startFirestore(options: FirestoreOptions): Promise<RunningFirestore> {
  const { log, timers } = options;
  const { store, access, context, doors } = openDatabase(options);
  const limits = { ...EDGE_LIMITS, ...options.limits };
  const connections = new OpenConnections(limits);
  const callers = new CallerResolver(doors.verifyIdToken, timers, doors.ownerToken);
  const parts = { context, connections, limits, callers, log };
  const webChannel = new WebChannel(parts);
  const grpc = createGrpcServer(parts);
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  guardStreams(grpc);
  const shared = await openSharedPort({
    port: options.port ?? 0,
    connections,
    silenceMs: limits.silenceMs,
    toGrpc: (socket) => injector.injectConnection(socket),
    http: createRestServer({ ...parts, webChannel, testEndpoints: doors.testEndpoints }),
  }).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const ttl = new TtlSweep(store, timers, log, options.indexes?.ttlFields ?? []);
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    grpc.forceShutdown();
    webChannel.endAll();
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
    info: () => ({
      ...infoOf(store, access, ttl),
      connections: connections.size,
      webChannels: webChannel.sessions,
    }),
    stop: () => (stopping ??= stop()),
    onCommit: (listener) => store.onCommit(listener),
    replay: async (after, visit) => store.replay(after, visit),
    retain: (floor) => store.retain(floor),
    lastSequence: () => store.lastSequence,
    read: (path) => store.durable.get(context.database.full(path)),
  };
}

interface OpenedDatabase {
  readonly store: Store;
  readonly access: Access;
  readonly context: RpcContext;
  readonly doors: Doors;
}

/** Everything behind the port. Throws BifrostError "already-running" or "data-corrupt". */
function openDatabase(options: FirestoreOptions): OpenedDatabase {
  const { dataDir, log, timers } = options;
  const opened =
    dataDir === undefined
      ? openMemoryJournal()
      : openJournal(dataDir, log, journalOptions(options));
  const store = new Store(opened, timers, log);
  const database = new DatabaseName(options.projectId);
  const doors: Doors =
    options.testMode === true ? openDoors(options.rules, store, database) : options;
  const access = new Access(store, doors.rules);
  const indexes = options.indexes === undefined ? noIndexCheck : indexCheck(options.indexes);
  const watches = new WatchHub(store, access, log);
  return { store, access, doors, context: { store, access, indexes, database, timers, watches } };
}

function journalOptions({ compaction, awaitsReader = false }: FirestoreOptions): JournalOptions {
  return compaction === undefined ? { awaitsReader } : { awaitsReader, limits: compaction };
}

function infoOf(store: Store, access: Access, ttl: TtlSweep): Readonly<Record<string, unknown>> {
  return {
    documents: store.durable.size,
    lastSequence: store.lastSequence,
    openTransactions: store.transactions.size,
    syncs: store.syncs,
    ...store.journalFacts(),
    expiredDocuments: ttl.deleted,
    ...access.info(),
  };
}
