/** Tables of the configuration in PostgreSQL, and the check that they can be there. */
import { BifrostError } from "../domain/errors.ts";
import type { Sql } from "postgres";

/** Notified within the transaction of every change. */
export const CHANNEL = "bifrost_config";

/** A writer with a clock far ahead must not drag everybody's versions there. */
const MOST_AHEAD_MS = 300_000;

/** Of all gateways, so that only one of them makes the tables; any number that nobody else uses. */
const LOCK = 0x62_69_66_72;

/**
 * Triggers give the versions, so that a change by hand is one like any other. Each writer holds the row of the clock
 * until it commits: versions are committed in their order, and whoever asks for what is later than one misses nothing.
 * What is deleted stays as a version without a value.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS bifrost_config_clock (
  version bigint NOT NULL,
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only)
);
INSERT INTO bifrost_config_clock (version) VALUES (0) ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS bifrost_config (
  kind text NOT NULL,
  id text NOT NULL CHECK (id <> '' AND length(id) <= 253),
  value jsonb CHECK (jsonb_typeof(value) = 'object'),
  version bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (kind, id)
);
CREATE INDEX IF NOT EXISTS bifrost_config_by_version ON bifrost_config (version);

CREATE OR REPLACE FUNCTION bifrost_config_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  now_ms bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
  seen bigint := coalesce(nullif(current_setting('bifrost.seen', true), ''), '0');
BEGIN
  IF TG_OP = 'UPDATE' AND (NEW.kind, NEW.id) IS DISTINCT FROM (OLD.kind, OLD.id) THEN
    RAISE EXCEPTION 'a document keeps its kind and id: use DELETE and INSERT';
  END IF;
  UPDATE bifrost_config_clock
    SET version = greatest(version + 1, now_ms << 16, least(seen + 1, (now_ms + ${MOST_AHEAD_MS}) << 16))
    RETURNING version INTO NEW.version;
  PERFORM pg_notify('${CHANNEL}', '');
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION bifrost_config_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE bifrost_config SET value = NULL WHERE kind = OLD.kind AND id = OLD.id;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION bifrost_config_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'bifrost_config keeps what was deleted: use DELETE';
END $$;

CREATE OR REPLACE TRIGGER changed BEFORE INSERT OR UPDATE ON bifrost_config
  FOR EACH ROW EXECUTE FUNCTION bifrost_config_changed();
CREATE OR REPLACE TRIGGER deleted BEFORE DELETE ON bifrost_config
  FOR EACH ROW EXECUTE FUNCTION bifrost_config_deleted();
CREATE OR REPLACE TRIGGER kept BEFORE TRUNCATE ON bifrost_config
  FOR EACH STATEMENT EXECUTE FUNCTION bifrost_config_kept();
`;

/** Throws `cluster-config-invalid` when the database cannot hold the configuration. */
export async function prepareDatabase(sql: Sql): Promise<void> {
  const [found] = await sql<{ name: string; encoding: string; isReady: boolean }[]>`
    SELECT current_database() AS name, current_setting('server_encoding') AS encoding,
      to_regclass('bifrost_config') IS NOT NULL AS "isReady"`;
  if (found === undefined) return;
  if (found.encoding !== "UTF8") throw wrongEncoding(found.name, found.encoding);
  if (found.isReady) return;
  await sql.begin(async (transaction) => {
    await transaction`SELECT pg_advisory_xact_lock(${LOCK})`;
    await transaction.unsafe(SCHEMA);
  });
}

function wrongEncoding(name: string, encoding: string): BifrostError {
  const remedy = `make one with CREATE DATABASE "${name}_utf8" ENCODING 'UTF8' TEMPLATE template0, and name it in config_store.config.db_name`;
  return new BifrostError(
    "cluster-config-invalid",
    `config_store.config.db_name: database "${name}" has the encoding ${encoding}; allowed: UTF8; ${remedy}`,
    { database: name, encoding },
  );
}
