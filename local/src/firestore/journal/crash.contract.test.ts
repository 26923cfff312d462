import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { systemTimers } from "@bifrost/shared/domain/time";
import { startTestFirestore, temporaryDirectory } from "../testing/firestore-fixture.ts";
import { CrashLoad } from "../testing/crash/crash-load.ts";
import { KillableServer } from "../testing/crash/killable-server.ts";
import { checkSeen } from "../testing/crash/seen-commits.ts";

const ROUNDS = process.env["BIFROST_SOAK"] === "long" ? 100 : 5;
const SEED = Number(process.env["BIFROST_SEED"] ?? Date.now() % 1_000_000);

const data = temporaryDirectory();
const reader = temporaryDirectory();
let server: KillableServer | undefined;
afterAll(() => {
  server?.kill();
  data.remove();
  reader.remove();
});

/** Numbers from 0 to 1, the same for the same seed: a linear congruence. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
}

test(
  `a server killed ${ROUNDS} times under load keeps every acknowledged commit and none by half (BIFROST_SEED=${SEED})`,
  { timeout: ROUNDS * 15_000 },
  async () => {
    const random = randomFrom(SEED);
    const load = new CrashLoad();
    let hits = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const running = await KillableServer.start(data.path, reader.path);
      server = running;
      if (round === 0) await CrashLoad.seed(running.client);
      expect({ round, faults: await load.faults(running.client) }).toEqual({ round, faults: [] });
      const killAt = load.acknowledged + 30 + Math.floor(random() * 150);
      const delayMs = random() * 10;
      await load.run(running.client, running, () => {
        // Some milliseconds later, for a kill right behind an acknowledgement would always meet the same moment.
        if (load.acknowledged === killAt) systemTimers.after(delayMs, () => running.kill());
      });
      if (await running.hitCompaction()) hits += 1;
    }
    // Once more, to see what the last kill left.
    const last = await KillableServer.start(data.path, reader.path);
    server = last;
    expect(await load.faults(last.client)).toEqual([]);
    last.kill();
    await last.gone;
    const again = await startTestFirestore({ dataDir: data.path });
    const sequence = again.lastSequence();
    await again.stop();
    const seen = checkSeen(readFileSync(join(reader.path, "seen"), "utf8"));
    expect(seen.faults).toEqual([]);
    expect(seen.commits).toBe(sequence);
    expect(sequence).toBeGreaterThanOrEqual(load.acknowledged);
    // Otherwise the log was never shortened while this ran, and nothing was tested of that.
    expect(existsSync(join(data.path, "commits-0000000000000000.log"))).toBe(false);
    console.log(
      `${ROUNDS} kills, ${hits} of them during a compaction; ${load.acknowledged} commits acknowledged, ` +
        `${sequence} stored, ${seen.repeated} read again after a kill`,
    );
  },
);
