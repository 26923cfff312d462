/** The keys of ID tokens: the newest signs, an older one is served until the last token it signed has expired. */
import { readdirSync, rmSync } from "node:fs";
import path from "node:path";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { loadSigningKey, type SigningKey } from "../iam/signing-key.ts";
import { ID_TOKEN_SECONDS } from "./user-claims.ts";

const DAY_MS = 24 * 3600_000;
/** A stolen key is of use for this long at most. Google changes its own every few days. */
export const ROTATION_MS = 14 * DAY_MS;
/** Past the end of its tokens: other programs' clocks may be a little behind. */
const GRACE_MS = 5 * 60_000;
const RETIREMENT_MS = ID_TOKEN_SECONDS * 1000 + GRACE_MS;

const FILE = /^(\d{1,16})\.pem$/;

interface AgedKey {
  readonly key: SigningKey;
  readonly madeAtMs: number;
}

export interface KeyRingOptions {
  /** Keys are files here, named after the time they were made; absent = they live in memory only. */
  readonly directory: string | undefined;
  readonly timers: Timers;
  readonly log: Logger;
}

export class KeyRing {
  readonly #directory: string | undefined;
  readonly #timers: Timers;
  /** Newest first; never empty once open. */
  #keys: readonly AgedKey[] = [];
  #nextLook: Timer | undefined;

  private constructor({ directory, timers }: KeyRingOptions) {
    this.#directory = directory;
    this.#timers = timers;
  }

  static async open(options: KeyRingOptions): Promise<KeyRing> {
    const ring = new KeyRing(options);
    const times = ring.#storedTimes();
    ring.#keys = await Promise.all(times.map((madeAtMs) => ring.#load(madeAtMs)));
    await ring.rotateIfDue();
    ring.#lookDaily(options.log);
    return ring;
  }

  get newest(): SigningKey {
    const [newest] = this.#keys;
    if (newest === undefined) throw new Error("the key ring is not open");
    return newest.key;
  }

  /** What may still have signed a token that is valid now. */
  get served(): readonly SigningKey[] {
    return servedOf(this.#keys, this.#timers.now()).map(({ key }) => key);
  }

  find(keyId: string): SigningKey | undefined {
    return this.served.find((key) => key.keyId === keyId);
  }

  /** Makes a key when the newest is too old, and forgets keys that are served no more. */
  async rotateIfDue(): Promise<void> {
    const now = this.#timers.now();
    const newest = this.#keys[0]?.madeAtMs ?? Number.NEGATIVE_INFINITY;
    if (now - newest >= ROTATION_MS) this.#keys = [await this.#load(now), ...this.#keys];
    const served = servedOf(this.#keys, now);
    for (const gone of this.#keys.filter((key) => !served.includes(key))) this.#delete(gone);
    this.#keys = served;
  }

  close(): void {
    this.#nextLook?.cancel();
  }

  #lookDaily(log: Logger): void {
    this.#nextLook = this.#timers.after(DAY_MS, () => {
      this.#lookDaily(log);
      this.rotateIfDue().catch((error: unknown) => {
        log.error("the keys of ID tokens could not be renewed", { error });
      });
    });
  }

  async #load(madeAtMs: number): Promise<AgedKey> {
    return { key: await loadSigningKey(this.#fileOf(madeAtMs)), madeAtMs };
  }

  #storedTimes(): number[] {
    if (this.#directory === undefined) return [];
    return filesIn(this.#directory)
      .flatMap((name) => FILE.exec(name)?.[1] ?? [])
      .map(Number)
      .toSorted((a, b) => b - a);
  }

  #fileOf(madeAtMs: number): string | undefined {
    return this.#directory === undefined
      ? undefined
      : path.join(this.#directory, `${madeAtMs}.pem`);
  }

  #delete({ madeAtMs }: AgedKey): void {
    const file = this.#fileOf(madeAtMs);
    if (file !== undefined) rmSync(file, { force: true });
  }
}

/** A key retires when the next one is made. */
function servedOf(keys: readonly AgedKey[], now: number): readonly AgedKey[] {
  return keys.filter((_, index) => {
    const successor = keys[index - 1];
    return successor === undefined || now < successor.madeAtMs + RETIREMENT_MS;
  });
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
