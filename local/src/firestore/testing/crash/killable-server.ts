/** The store in a process of its own, which can be killed, and what the kill left on the disk. */
import { randomUUID } from "node:crypto";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Firestore } from "@google-cloud/firestore";
import { generationsIn } from "../../journal/generations.ts";
import type { Victim } from "./crash-load.ts";
import { CRASH_PROJECT } from "./crash-settings.ts";

const SCRIPT = fileURLToPath(new URL("serve-until-killed.ts", import.meta.url));

export class KillableServer implements Victim {
  /**
   * The unmodified client, as the administrator. It goes on trying for a minute after the kill, also when it is
   * told to end; should a later server get the same port, that one does not know its token.
   */
  readonly client: Firestore;
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  readonly #dataDir: string;

  private constructor(child: ChildProcess, dataDir: string, port: number, token: string) {
    this.#child = child;
    this.#dataDir = dataDir;
    this.gone = once(child, "exit").then(() => undefined);
    this.client = new Firestore({
      projectId: CRASH_PROJECT,
      host: `127.0.0.1:${port}`,
      ssl: false,
      customHeaders: { Authorization: `Bearer ${token}` },
    });
  }

  static async start(dataDir: string, readerDir: string): Promise<KillableServer> {
    const token = randomUUID();
    const args = ["--import", "tsx", SCRIPT, dataDir, readerDir, token];
    const child = spawn(process.execPath, args, {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const said = await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
    const port = Number(String(said[0]));
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    return new KillableServer(child, dataDir, port, token);
  }

  get isKilled(): boolean {
    return this.#child.killed;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** After the kill: whether a compaction was under way, for a segment was begun and its snapshot is not there. */
  async hitCompaction(): Promise<boolean> {
    await this.gone;
    const { snapshots, segments } = generationsIn(readdirSync(this.#dataDir));
    return segments.at(-1) !== (snapshots.at(-1) ?? 0);
  }
}
