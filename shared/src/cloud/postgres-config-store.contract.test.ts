/** What is special about PostgreSQL, against a real server; the rest is in test/contract/config-source.contract.test.ts. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { ConfigKind, ConfigSnapshot } from "../domain/config-document.ts";
import { configVersion, NO_VERSION, timeOf } from "../domain/config-version.ts";
import { systemTimers, type Timers } from "../domain/time.ts";
import { type Logger, silentLogger } from "../ports/logger.ts";
import { TestLine } from "../testing/test-line.ts";
import { postgresPrograms, TestPostgres } from "../testing/test-postgres.ts";
import { PostgresConfigStore } from "./postgres-config-store.ts";
import type { PostgresOptions } from "./postgres-follower.ts";

const programs = postgresPrograms();
let running: TestPostgres | null = null;
let open: PostgresConfigStore[] = [];

beforeAll(async () => {
  if (programs !== null) running = await TestPostgres.start(programs);
});
beforeEach((context) => {
  if (programs === null) context.skip("postgresql is not installed");
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});
afterAll(() => running?.stop());

/** Never asks by itself: what is told was noticed. */
const onlyNotices: Timers = {
  ...systemTimers,
  after: (delayMs, task) =>
    delayMs === 10_000 ? { cancel: () => {} } : systemTimers.after(delayMs, task),
};

function server(): TestPostgres {
  if (running === null) throw new Error("PostgreSQL did not start");
  return running;
}

let databases = 0;

async function newDatabase(encoding = "UTF8"): Promise<string> {
  const name = `test_${(databases += 1)}`;
  await server().with((sql) =>
    sql.unsafe(`CREATE DATABASE ${name} ENCODING '${encoding}' TEMPLATE template0`),
  );
  return name;
}

async function store(changes: Partial<PostgresOptions> = {}): Promise<PostgresConfigStore> {
  const { host, port, user, password } = server();
  const one = await PostgresConfigStore.open({
    host,
    port,
    user,
    password,
    sslMode: "disable",
    database: changes.database ?? (await newDatabase()),
    timers: onlyNotices,
    log: silentLogger,
    ...changes,
  });
  open = [...open, one];
  return one;
}

function follow(source: PostgresConfigStore, kind: ConfigKind = "routes") {
  let last: ConfigSnapshot | null = null;
  source.watch(kind, (snapshot) => (last = snapshot));
  const live = () =>
    last === null
      ? null
      : [...last.documents.values()].filter(({ value }) => value !== null).map(({ id }) => id);
  return {
    last: () => last,
    becomes: (...ids: readonly string[]) =>
      vi.waitFor(() => expect(live()?.toSorted()).toEqual(ids.toSorted()), {
        timeout: 20_000,
        interval: 5,
      }),
  };
}

describe("at the start", () => {
  test("a database that is not UTF8 is refused with the remedy", async () => {
    const database = await newDatabase("SQL_ASCII");
    const refused = store({ database });
    await expect(refused).rejects.toMatchObject({ code: "cluster-config-invalid" });
    await expect(refused).rejects.toThrow(
      `config_store.config.db_name: database "${database}" has the encoding SQL_ASCII; allowed: UTF8; make one with CREATE DATABASE "${database}_utf8" ENCODING 'UTF8' TEMPLATE template0`,
    );
  });

  test.each<[string, Partial<PostgresOptions>, string]>([
    ["a wrong password", { password: "hunter2" }, "BIFROST_CONFIG_STORE_PASSWORD"],
    [
      "a database that is not there",
      { database: "none" },
      "CREATE DATABASE \"none\" ENCODING 'UTF8'",
    ],
    ["TLS that the server does not speak", { sslMode: "require" }, '"ssl_mode": "disable"'],
  ])("%s is refused with the remedy, the password untold", async (_, changes, remedy) => {
    const refused = store({ database: "postgres", ...changes });
    await expect(refused).rejects.toMatchObject({ code: "cluster-config-invalid" });
    await expect(refused).rejects.toThrow(remedy);
    await expect(refused).rejects.not.toThrow("hunter2");
  });

  test("a role that may not make the tables is told the grant it lacks", async () => {
    const database = await newDatabase();
    await server().with((sql) => sql.unsafe("CREATE ROLE reader LOGIN PASSWORD 'reader'"));
    const refused = store({ database, user: "reader", password: "reader" });
    await expect(refused).rejects.toThrow('GRANT CREATE, USAGE ON SCHEMA public TO "reader"');
  });

  test("several gateways start on an empty database at once", async () => {
    const database = await newDatabase();
    const stores = await Promise.all([1, 2, 3, 4].map(() => store({ database })));
    await stores[0]?.write({ kind: "routes", id: "a", value: {} });
    await Promise.all(stores.map((one) => follow(one).becomes("a")));
  });

  test("a server that is not there yet is waited for", async () => {
    const database = await newDatabase();
    await server().halt();
    const waiting = await store({ database, timers: systemTimers });
    const followed = follow(waiting);
    expect(followed.last()).toBeNull();
    await expect(waiting.list("routes")).rejects.toMatchObject({ code: "upstream-unavailable" });
    await server().run();
    await followed.becomes();
    await waiting.write({ kind: "routes", id: "a", value: {} });
    await followed.becomes("a");
  });
});

describe("changes", () => {
  test("made by hand are versioned and noticed like any other, deletions too", async () => {
    const database = await newDatabase();
    const source = await store({ database });
    const followed = follow(source);
    const document = () => followed.last()?.documents.get("a");
    await server().with(async (sql) => {
      await sql`INSERT INTO bifrost_config (kind, id, value) VALUES ('routes', 'a', '{"n": 1}')`;
      await followed.becomes("a");
      const first = document()?.version ?? NO_VERSION;
      await sql`UPDATE bifrost_config SET value = '{"n": 2}'`;
      await vi.waitFor(() => expect(document()?.value).toEqual({ n: 2 }), { timeout: 20_000 });
      expect((document()?.version ?? NO_VERSION) > first).toBe(true);
      await sql`DELETE FROM bifrost_config`;
    }, database);
    await followed.becomes();
    expect(document()?.value).toBeNull();
    expect(await source.list("routes")).toEqual([]);
  });

  test.each([
    ["a table cut off", "TRUNCATE bifrost_config", "use DELETE"],
    ["a new id", "UPDATE bifrost_config SET id = 'b'", "use DELETE and INSERT"],
    ["a value that is no object", "UPDATE bifrost_config SET value = '[1]'", "value_check"],
    ["a value of JSON's null", "UPDATE bifrost_config SET value = 'null'", "value_check"],
    [
      "an id that is too long to be told",
      "INSERT INTO bifrost_config VALUES ('routes', repeat('a', 254), '{}')",
      "id_check",
    ],
  ])("that nobody could follow are refused: %s", async (_, change, remedy) => {
    const database = await newDatabase();
    const source = await store({ database });
    await source.write({ kind: "routes", id: "a", value: {} });
    const changed = server().with((sql) => sql.unsafe(change), database);
    await expect(changed).rejects.toThrow(remedy);
  });

  test("of many writers at once all are followed, each version once and in the order of commits", async () => {
    const database = await newDatabase();
    const [one, other] = [await store({ database }), await store({ database })];
    const followed = follow(one);
    const ids = Array.from({ length: 40 }, (_, at) => `r${at}`);
    const versions = await Promise.all(
      ids.map((id, at) =>
        (at % 2 === 0 ? one : other).write({ kind: "routes", id, value: { at } }),
      ),
    );
    expect(new Set(versions).size).toBe(ids.length);
    await followed.becomes(...ids);
    const documents = followed.last()?.documents;
    expect(ids.map((id) => documents?.get(id)?.version)).toEqual(versions);
  });

  test("to something other than what was read are refused", async () => {
    const one = await store();
    const change = { kind: "routes", id: "a", value: {} } as const;
    const first = await one.write({ ...change, expected: null });
    const conflict = { code: "write-conflict", facts: { version: first } };
    await expect(one.write({ ...change, expected: null })).rejects.toMatchObject(conflict);
    const second = await one.write({ ...change, expected: first });
    expect(second > first).toBe(true);
    await expect(one.write({ ...change, expected: first })).rejects.toThrow("read it again");
    await one.write({ ...change, value: null, expected: second });
    await one.write({ ...change, expected: null });
  });

  test("are later than what the writer has seen, but never far ahead of the server's clock", async () => {
    const one = await store();
    const write = (seen: number) =>
      one.write({ kind: "routes", id: "a", value: {}, seen: configVersion(seen, 3) });
    const soon = Date.now() + 60_000;
    const after = await write(soon);
    expect(after).toBe(configVersion(soon, 4));
    expect((await write(0)) > after).toBe(true);
    expect(timeOf(await write(Date.now() + 1e12))).toBeLessThan(Date.now() + 310_000);
  });

  test("that PostgreSQL cannot keep are the caller's mistake", async () => {
    const one = await store();
    const refused = one.write({ kind: "routes", id: "a", value: { text: "\0" } });
    await expect(refused).rejects.toMatchObject({ code: "bad-request" });
    expect(await one.read("routes", "a")).toBeNull();
  });
});

describe("a connection that is lost", () => {
  test("what changed while nobody listened is caught up by version", async () => {
    const database = await newDatabase();
    await server().with(async (sql) => {
      await sql.unsafe("CREATE ROLE gateway LOGIN SUPERUSER PASSWORD 'gateway'");
      const warnings: string[] = [];
      const log: Logger = { ...silentLogger, warn: (event) => void warnings.push(event) };
      const source = await store({ database, user: "gateway", password: "gateway", log });
      await source.write({ kind: "routes", id: "a", value: {} });
      const followed = follow(source);
      await followed.becomes("a");
      await sql.unsafe("ALTER ROLE gateway NOLOGIN");
      await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gateway'`;
      await vi.waitFor(() => expect(warnings).toHaveLength(1), { timeout: 20_000 });
      await server().with(async (other) => {
        await other`INSERT INTO bifrost_config (kind, id, value) VALUES ('routes', 'b', '{}')`;
        await other`DELETE FROM bifrost_config WHERE id = 'a'`;
      }, database);
      expect(followed.last()?.documents.has("b")).toBe(false);
      await sql.unsafe("ALTER ROLE gateway LOGIN");
      await followed.becomes("b");
    });
  });

  test("a restart of the server is survived", async () => {
    const source = await store({ timers: systemTimers });
    const followed = follow(source);
    await followed.becomes();
    await server().halt();
    await server().run();
    const write = () => source.write({ kind: "routes", id: "a", value: {} });
    await vi.waitFor(write, { timeout: 20_000, interval: 50 });
    await followed.becomes("a");
  });

  test("a database that was restored counts as it is, although its versions are earlier", async () => {
    const database = await newDatabase();
    const source = await store({ database });
    await source.write({ kind: "routes", id: "a", value: {} });
    const followed = follow(source);
    await followed.becomes("a");
    await server().with(async (sql) => {
      await sql.begin(async (transaction) => {
        await transaction.unsafe("ALTER TABLE bifrost_config DISABLE TRIGGER USER");
        await transaction.unsafe(
          "TRUNCATE bifrost_config; UPDATE bifrost_config_clock SET version = 7",
        );
        await transaction`INSERT INTO bifrost_config VALUES ('routes', 'old', '{}', 7)`;
        await transaction.unsafe("ALTER TABLE bifrost_config ENABLE TRIGGER USER");
        await transaction`SELECT pg_notify('bifrost_config', '')`;
      });
    }, database);
    await followed.becomes("old");
    expect((followed.last()?.asOf ?? NO_VERSION) > NO_VERSION).toBe(true);
  });

  test("a database that was restored and changed while nobody could ask counts as it is", async () => {
    const database = await newDatabase();
    const source = await store({ database, timers: systemTimers });
    await source.write({ kind: "routes", id: "lost", value: {} });
    const followed = follow(source);
    await followed.becomes("lost");
    await server().with(async (sql) => {
      await sql.unsafe(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
      await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${database}`;
      await sql.unsafe(`CREATE DATABASE ${database}_backup TEMPLATE ${database}`);
      await server().with(async (backup) => {
        await backup.unsafe("ALTER TABLE bifrost_config DISABLE TRIGGER USER");
        await backup.unsafe("DELETE FROM bifrost_config");
        await backup.unsafe("ALTER TABLE bifrost_config ENABLE TRIGGER USER");
        await backup`INSERT INTO bifrost_config (kind, id, value) VALUES ('routes', 'new', '{}')`;
      }, `${database}_backup`);
      await sql.unsafe(`ALTER DATABASE ${database} RENAME TO ${database}_before`);
      await sql.unsafe(`ALTER DATABASE ${database}_backup RENAME TO ${database}`);
    });
    await followed.becomes("new");
  });

  test("tables that were dropped take nothing with them, until something is written anew", async () => {
    const database = await newDatabase();
    const warnings: unknown[] = [];
    const log: Logger = { ...silentLogger, warn: (_, fields) => void warnings.push(fields) };
    const source = await store({ database, timers: systemTimers, log });
    await source.write({ kind: "routes", id: "a", value: {} });
    const followed = follow(source);
    await followed.becomes("a");
    await server().with(async (sql) => {
      await sql.unsafe("DROP TABLE bifrost_config, bifrost_config_clock");
      await sql`SELECT pg_notify('bifrost_config', '')`;
    }, database);
    const isMadeAnew = () => server().with((sql) => sql`SELECT FROM bifrost_config`, database);
    await vi.waitFor(isMadeAnew, { timeout: 20_000, interval: 50 });
    await vi.waitFor(() => expect(warnings).toHaveLength(1), { timeout: 20_000 });
    expect(followed.last()?.documents.has("a")).toBe(true);
    await source.write({ kind: "routes", id: "b", value: {} });
    await followed.becomes("b");
  });

  test("without a word is made anew, for changes and for those who follow them", async () => {
    const database = await newDatabase();
    const line = await TestLine.to(server().port);
    try {
      const source = await store({ database, port: line.port, timers: hasty });
      const followed = follow(source);
      await source.write({ kind: "routes", id: "a", value: {} });
      await followed.becomes("a");
      line.fallSilent();
      const write = source.write({ kind: "routes", id: "lost", value: {} });
      await expect(write).rejects.toMatchObject({ code: "upstream-unavailable" });
      await source.write({ kind: "routes", id: "b", value: {} });
      await followed.becomes("a", "b");
    } finally {
      await Promise.all(open.splice(0).map((one) => one.close()));
      line.close();
    }
  });
});

/** Waits a fiftieth of what it is told. */
const hasty: Timers = {
  ...systemTimers,
  after: (delayMs, task) => systemTimers.after(delayMs / 50, task),
  sleep: (delayMs, signal) => systemTimers.sleep(delayMs / 50, signal),
};
