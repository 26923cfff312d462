/** What PostgreSQL and the connection to it say, told apart by who can mend it. */
import postgres from "postgres";
import { BifrostError, messageOf } from "../domain/errors.ts";

export interface Database {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly sslMode: "disable" | "require" | "verify-full";
}

/** By SQLSTATE: what is written wrong, or not set up, which waiting does not mend. */
const REMEDIES: Readonly<Record<string, (database: Database) => string>> = {
  "28P01": () =>
    "config_store.config.password or BIFROST_CONFIG_STORE_PASSWORD is not the password of this user",
  "28000": ({ user }) => `allow user "${user}" in pg_hba.conf, or correct config_store.config.user`,
  "3D000": ({ database }) =>
    `make it with CREATE DATABASE "${database}" ENCODING 'UTF8' TEMPLATE template0, or correct config_store.config.db_name`,
  "42501": ({ user }) => `GRANT CREATE, USAGE ON SCHEMA public TO "${user}"`,
};

/** An error that waiting does not mend; null = the server may be back later. */
export function settingsError(error: unknown, database: Database): BifrostError | null {
  if (error instanceof BifrostError) return error;
  const where = `PostgreSQL at ${database.host}:${database.port}`;
  const code = error instanceof postgres.PostgresError ? error.code : "";
  const remedy = REMEDIES[code]?.(database) ?? tlsRemedy(error, database);
  if (remedy === null) return null;
  return new BifrostError("cluster-config-invalid", `${where}: ${messageOf(error)}; ${remedy}`);
}

const NO_TLS = /before secure TLS connection|wrong version number|SSL routines/i;
const BAD_CERTIFICATE = /certificate|altnames|self.signed/i;

function tlsRemedy(error: unknown, { sslMode }: Database): string | null {
  const message = messageOf(error);
  if (sslMode !== "disable" && NO_TLS.test(message)) {
    return 'the server does not speak TLS: set ssl = on in postgresql.conf, or write "ssl_mode": "disable" where nobody listens in';
  }
  if (sslMode === "verify-full" && BAD_CERTIFICATE.test(message)) {
    return "name the authority of its certificate in NODE_EXTRA_CA_CERTS, and check config_store.config.host";
  }
  return null;
}

export function unavailable(error: unknown, { host, port }: Database): BifrostError {
  const message = `PostgreSQL at ${host}:${port} did not answer: ${messageOf(error)}`;
  return new BifrostError("upstream-unavailable", message, {}, { cause: error });
}
