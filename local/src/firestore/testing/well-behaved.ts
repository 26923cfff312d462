/** A client that writes and reads by every protocol while something else goes on. */
import { expect } from "vitest";
import type { RunningFirestore } from "../index.ts";
import { ROOT } from "./firestore-fixture.ts";
import { TRANSPORTS } from "./transports.ts";

/** Far above what a round takes, far below what a test may: a server that is stuck fails here. */
const PATIENCE_MS = 10_000;

/**
 * Runs `attack` and meanwhile rounds of writing a document and reading it back, at least `rounds` of them and until
 * the attack is over. Every single one must succeed.
 */
export async function servesOthersDuring<T>(
  server: RunningFirestore,
  attack: Promise<T>,
  rounds = 5,
): Promise<T> {
  const progress = { isOver: false };
  const done = attack.finally(() => (progress.isOver = true));
  done.catch(() => undefined);
  for (let round = 1; round <= rounds || !progress.isOver; round += 1) {
    await writeAndRead(server.port, round);
  }
  return done;
}

async function writeAndRead(port: number, round: number): Promise<void> {
  const url = `http://127.0.0.1:${port}/v1/${ROOT}/served/others`;
  const common = {
    headers: { authorization: "Bearer owner" },
    signal: AbortSignal.timeout(PATIENCE_MS),
  };
  const fields = { round: { integerValue: String(round) } };
  const written = await fetch(url, {
    ...common,
    method: "PATCH",
    body: JSON.stringify({ fields }),
  });
  expect(written.status).toBe(200);
  await written.body?.cancel();
  const read = (await (await fetch(url, common)).json()) as { readonly fields: unknown };
  expect(read.fields).toEqual(fields);
  expect(await TRANSPORTS["gRPC unary"]?.(port, "Bearer owner")).toBe("OK");
}
