/**
 * Configuration in PostgreSQL. One connection follows: it listens for notices and then asks for what is later than what is
 * known, so that a notice that was missed costs nothing but time.
 */
import postgres, { type Sql } from "postgres";
import {
  CONFIG_KINDS,
  type ConfigDocument,
  type ConfigKind,
  type ConfigSnapshot,
  type ConfigValue,
} from "../domain/config-document.ts";
import { bitsOf, type ConfigVersion, fromBits, NO_VERSION } from "../domain/config-version.ts";
import { BifrostError } from "../domain/errors.ts";
import type { ConfigSource } from "../ports/config-source.ts";
import type { ConfigChange, ConfigStore } from "../ports/config-store.ts";
import { inTime, NoAnswer } from "../domain/in-time.ts";
import { settingsError, unavailable } from "./postgres-errors.ts";
import {
  ANSWER_MS,
  connectPostgres,
  PostgresFollower,
  type PostgresOptions,
} from "./postgres-follower.ts";

const WRITERS = 2;

type Listener = (snapshot: ConfigSnapshot) => void;

interface Row {
  readonly clock: string;
  readonly kind: string | null;
  readonly id: string;
  readonly version: string;
  readonly value: ConfigValue | null;
}

export class PostgresConfigStore implements ConfigSource, ConfigStore {
  private readonly options: PostgresOptions;
  private writers: Sql;
  private readonly known = new Map<ConfigKind, Map<string, ConfigDocument>>();
  private readonly listeners = new Map<ConfigKind, Set<Listener>>();
  private readonly follower: PostgresFollower;
  private clock: ConfigVersion | null = null;
  private following: Promise<void> = Promise.resolve();

  private constructor(options: PostgresOptions) {
    this.options = options;
    this.writers = connectWriters(options);
    this.follower = new PostgresFollower(options, (sql, isFirst) => this.catchUp(sql, isFirst));
  }

  /**
   * Throws `cluster-config-invalid` when database or settings are wrong. A server that cannot be reached is waited for
   * in the background: what others tell of the configuration is there without it.
   */
  static async open(options: PostgresOptions): Promise<PostgresConfigStore> {
    const store = new PostgresConfigStore(options);
    try {
      await new Promise<void>((resolve, reject) => {
        store.following = store.follower.run(resolve, reject);
      });
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  watch(kind: ConfigKind, listener: Listener): () => void {
    const listeners = this.listeners.get(kind) ?? new Set();
    this.listeners.set(kind, listeners.add(listener));
    if (this.clock !== null) listener(this.snapshot(kind, this.clock));
    return () => void listeners.delete(listener);
  }

  async list(kind: ConfigKind): Promise<readonly ConfigDocument[]> {
    const rows = await this.answered(
      (sql) =>
        sql<Row[]>`SELECT id, version, value FROM bifrost_config
          WHERE kind = ${kind} AND value IS NOT NULL ORDER BY id`,
    );
    return rows.map(documentOf);
  }

  async read(kind: ConfigKind, id: string): Promise<ConfigDocument | null> {
    const [row] = await this.answered(
      (sql) =>
        sql<Row[]>`SELECT id, version, value FROM bifrost_config
          WHERE kind = ${kind} AND id = ${id} AND value IS NOT NULL`,
    );
    return row === undefined ? null : documentOf(row);
  }

  write({ kind, id, value, expected, seen = NO_VERSION }: ConfigChange): Promise<ConfigVersion> {
    return this.answered((sql) =>
      sql.begin(async (transaction) => {
        await transaction`SELECT set_config('bifrost.seen', ${String(bitsOf(seen))}, true)`;
        await transaction`SELECT version FROM bifrost_config_clock FOR UPDATE`;
        const [current] = await transaction<{ version: string }[]>`
          SELECT version FROM bifrost_config
          WHERE kind = ${kind} AND id = ${id} AND value IS NOT NULL`;
        const version = current === undefined ? null : fromBits(BigInt(current.version));
        if (expected !== undefined && expected !== version) throw conflict(kind, id, version);
        const json = value === null ? null : transaction.json(value as postgres.JSONValue);
        const [written] = await transaction<{ version: string }[]>`
          INSERT INTO bifrost_config (kind, id, value) VALUES (${kind}, ${id}, ${json})
          ON CONFLICT (kind, id) DO UPDATE SET value = excluded.value RETURNING version`;
        return fromBits(BigInt(written?.version ?? 0));
      }),
    );
  }

  async close(): Promise<void> {
    this.follower.stop();
    await Promise.all([this.following, this.writers.end({ timeout: 1 })]);
  }

  /** Whatever the server says, as an error that tells what to do. */
  private async answered<Answer>(ask: (sql: Sql) => Promise<Answer>): Promise<Answer> {
    const { writers } = this;
    try {
      return await inTime(this.options.timers, ANSWER_MS, ask(writers));
    } catch (error) {
      if (error instanceof NoAnswer) this.replace(writers);
      if (error instanceof postgres.PostgresError && error.code.startsWith("22")) {
        throw new BifrostError("bad-request", `PostgreSQL cannot keep this: ${error.message}`);
      }
      throw settingsError(error, this.options) ?? unavailable(error, this.options);
    }
  }

  /** Connections that do not answer may lead nowhere: the next question gets new ones. */
  private replace(writers: Sql): void {
    if (this.writers !== writers) return;
    this.writers = connectWriters(this.options);
    void writers.end({ timeout: 0 });
  }

  /** With a new connection everything is read: while there was none, the database may have been restored. */
  private async catchUp(sql: Sql, isFirst: boolean): Promise<void> {
    const former = this.clock ?? NO_VERSION;
    let rows = await this.later(sql, isFirst ? NO_VERSION : former);
    const clock = fromBits(BigInt(rows[0]?.clock ?? 0));
    if (clock < former) {
      if (clock === NO_VERSION) throw emptied();
      // Its clock is earlier: nothing that is known counts.
      this.options.log.warn("config store was restored", {
        remedy:
          "what gateways heard from each other stays where it is newer: UPDATE bifrost_config SET value = value makes everything that was restored the newest",
      });
      rows = await this.later(sql, NO_VERSION);
    }
    const changed = this.changedBy(rows, isFirst || clock < former);
    this.clock = clock;
    for (const [kind, documents] of changed) {
      this.known.set(kind, documents);
      const snapshot = this.snapshot(kind, clock);
      for (const listener of this.listeners.get(kind) ?? []) listener(snapshot);
    }
  }

  /** The new documents of each kind that has some; what was told is not changed any more. */
  private changedBy(
    rows: readonly Row[],
    isAll: boolean,
  ): ReadonlyMap<ConfigKind, Map<string, ConfigDocument>> {
    const changed = new Map<ConfigKind, Map<string, ConfigDocument>>();
    if (isAll) for (const kind of CONFIG_KINDS) changed.set(kind, new Map());
    for (const row of rows) {
      const kind = CONFIG_KINDS.find((one) => one === row.kind);
      if (kind === undefined) continue;
      const documents = changed.get(kind) ?? new Map(this.known.get(kind));
      changed.set(kind, documents.set(row.id, documentOf(row)));
    }
    return changed;
  }

  private later(sql: Sql, version: ConfigVersion): Promise<readonly Row[]> {
    return sql<Row[]>`
      SELECT c.version AS clock, d.kind, d.id, d.version, d.value
      FROM bifrost_config_clock c
      LEFT JOIN bifrost_config d ON d.version > ${String(bitsOf(version))}::bigint
      ORDER BY d.version`;
  }

  private snapshot(kind: ConfigKind, asOf: ConfigVersion): ConfigSnapshot {
    return { documents: this.known.get(kind) ?? new Map(), asOf };
  }
}

function connectWriters(options: PostgresOptions): Sql {
  return connectPostgres(options, { max: WRITERS, idle_timeout: 30 });
}

/** Somebody is about to restore it, or made a mistake: neither is a reason to serve nothing. */
function emptied(): BifrostError {
  return new BifrostError(
    "cluster-config-invalid",
    "the tables of the configuration are empty, and were not before: restore them, or write the first document anew",
  );
}

function documentOf({ id, version, value }: Row): ConfigDocument {
  return { id, version: fromBits(BigInt(version)), value };
}

function conflict(kind: string, id: string, version: ConfigVersion | null): BifrostError {
  const now = version === null ? "is not there" : `has version ${version}`;
  return new BifrostError("write-conflict", `${kind}/${id} ${now}: read it again`, { version });
}
