/** A connection to PostgreSQL that is kept: made again whenever it ends, and asked anew at every notice. */
import postgres, { type Sql } from "postgres";
import type { Timers } from "../domain/time.ts";
import type { Logger } from "../ports/logger.ts";
import { inTime } from "../domain/in-time.ts";
import { type Database, settingsError, unavailable } from "./postgres-errors.ts";
import { CHANNEL, prepareDatabase } from "./postgres-schema.ts";

export interface PostgresOptions extends Database {
  readonly password: string;
  readonly timers: Timers;
  readonly log: Logger;
}

/** A connection that is gone without a word is found by asking. */
const ASK_EVERY_MS = 10_000;
export const ANSWER_MS = 10_000;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5000;
const CONNECT_SECONDS = 5;

export function connectPostgres(
  database: PostgresOptions,
  options: postgres.Options<Record<string, never>>,
): Sql {
  const { host, port, user, password, database: name, sslMode } = database;
  return postgres({
    host,
    port,
    user,
    password,
    database: name,
    ssl: sslMode === "disable" ? false : sslMode,
    connect_timeout: CONNECT_SECONDS,
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: "bifrost-gateway", statement_timeout: ANSWER_MS },
    ...options,
  });
}

/** `isFirst`: on this connection. */
type Ask = (sql: Sql, isFirst: boolean) => Promise<void>;

export class PostgresFollower {
  private readonly options: PostgresOptions;
  private readonly ask: Ask;
  private readonly stopping = new AbortController();
  private wake: () => void = () => {};

  /** `ask` is called when the connection is there, at every notice, and now and then. */
  constructor(options: PostgresOptions, ask: Ask) {
    this.options = options;
    this.ask = ask;
  }

  stop(): void {
    this.stopping.abort();
    this.wake();
  }

  /** `opened` and `refused` are told of the first attempt. */
  async run(opened: () => void, refused: (error: unknown) => void): Promise<void> {
    const { timers, log } = this.options;
    const { signal } = this.stopping;
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.session(() => {
          if (failures > 0) log.info("config store is back", { failures });
          failures = 0;
          opened();
        });
      } catch (error) {
        const settings = settingsError(error, this.options);
        if (failures++ === 0 && settings !== null) refused(settings);
        opened();
        const message = (settings ?? unavailable(error, this.options)).message;
        if (failures === 1) log.warn("config store lost: what it said last stays", { message });
      }
      await timers.sleep(Math.min(FIRST_RETRY_MS * 2 ** failures, LONGEST_RETRY_MS), signal);
    }
  }

  /** One connection, until it ends; throws when it could not be made or did not answer. */
  private async session(begun: () => void): Promise<void> {
    const lost = new AbortController();
    const onnotify = (): void => this.wake();
    const onclose = (): void => {
      lost.abort();
      this.wake();
    };
    // The client hands the notices of a connection to `onnotify`, which its types leave out.
    const options = { max: 1, onclose, onnotify };
    const sql = connectPostgres(this.options, options);
    const over = AbortSignal.any([lost.signal, this.stopping.signal]);
    try {
      const within = <Answer>(answer: Promise<Answer>): Promise<Answer> =>
        inTime(this.options.timers, ANSWER_MS, answer);
      await within(prepareDatabase(sql));
      await within(sql.unsafe(`LISTEN ${CHANNEL}`));
      for (let isFirst = true; !over.aborted; isFirst = false) {
        const woken = this.nextWake();
        await within(this.ask(sql, isFirst));
        if (isFirst) begun();
        await woken;
      }
    } finally {
      await sql.end({ timeout: 0 });
    }
  }

  /** A notice, the end of the connection or of this store, or a while without any of them. */
  private nextWake(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.options.timers.after(ASK_EVERY_MS, resolve);
      this.wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
