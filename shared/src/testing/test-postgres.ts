/** A real PostgreSQL in a folder of its own, as a user that is not root, which PostgreSQL refuses. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import postgres, { type Sql } from "postgres";
import { systemTimers } from "../domain/time.ts";

const USER = "bifrost";
const PASSWORD = "bifrost_password";
const STARTS_WITHIN_MS = 30_000;

/** Newest first; null = it is not installed. */
export function postgresPrograms(): string | null {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root) : [];
  const newest = versions.toSorted((a, b) => Number(b) - Number(a));
  const folders = newest.map((version) => path.join(root, version, "bin"));
  return folders.find((folder) => existsSync(path.join(folder, "initdb"))) ?? null;
}

export class TestPostgres {
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly user = USER;
  readonly password = PASSWORD;
  readonly database = "postgres";
  private readonly folder: string;
  private readonly programs: string;
  private server: ChildProcess | null = null;

  private constructor(programs: string, folder: string, port: number) {
    this.programs = programs;
    this.folder = folder;
    this.port = port;
  }

  static async start(programs: string): Promise<TestPostgres> {
    const folder = await mkdtemp(path.join(tmpdir(), "postgres-"));
    const owner = ownerOf();
    if ("uid" in owner) await chown(folder, owner.uid, owner.gid);
    const secret = path.join(folder, "password");
    await writeFile(secret, PASSWORD);
    execFileSync(
      path.join(programs, "initdb"),
      [
        `--pgdata=${path.join(folder, "data")}`,
        `--username=${USER}`,
        `--pwfile=${secret}`,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
      ],
      { ...owner, cwd: folder, stdio: "pipe" },
    );
    const server = new TestPostgres(programs, folder, await freePort());
    await server.run();
    return server;
  }

  /** As its administrator. */
  async with<Answer>(work: (sql: Sql) => Promise<Answer>, database = "postgres"): Promise<Answer> {
    const { host, port, user, password } = this;
    const options = { host, port, user, password, database, max: 1, onnotice: () => {} };
    const sql = postgres(options);
    try {
      return await work(sql);
    } finally {
      await sql.end({ timeout: 1 });
    }
  }

  async run(): Promise<void> {
    const { programs, folder, port } = this;
    const settings = [
      `port=${port}`,
      "listen_addresses=127.0.0.1",
      "unix_socket_directories=",
      "fsync=off",
      "log_min_messages=fatal",
    ];
    this.server = spawn(
      path.join(programs, "postgres"),
      ["-D", path.join(folder, "data"), ...settings.flatMap((setting) => ["-c", setting])],
      { ...ownerOf(), cwd: folder, stdio: "ignore" },
    );
    await this.untilUp();
  }

  /** Ends its connections. */
  async halt(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (server === null || server.exitCode !== null) return;
    const ended = once(server, "exit");
    server.kill("SIGINT");
    await ended;
  }

  async stop(): Promise<void> {
    await this.halt();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async untilUp(): Promise<void> {
    const last = Date.now() + STARTS_WITHIN_MS;
    for (;;) {
      try {
        await this.with((sql) => sql`SELECT 1`);
        return;
      } catch (error) {
        if (Date.now() > last || this.server?.exitCode !== null) throw error;
        await systemTimers.sleep(50);
      }
    }
  }
}

/** Root becomes `postgres`, or `nobody` where there is none. */
function ownerOf(): { readonly uid: number; readonly gid: number } | Record<string, never> {
  if (process.getuid?.() !== 0) return {};
  for (const name of ["postgres", "nobody"]) {
    try {
      const id = (flag: string) =>
        Number(execFileSync("id", [flag, name], { stdio: ["ignore", "pipe", "ignore"] }));
      return { uid: id("-u"), gid: id("-g") };
    } catch {
      // No such user: the next one.
    }
  }
  return {};
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
