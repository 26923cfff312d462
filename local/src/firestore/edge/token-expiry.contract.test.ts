import { silentLogger } from "@bifrost/shared/ports/logger";
import { afterEach, beforeEach, expect, test } from "vitest";
import { VirtualTimers } from "../../workflows/testing/virtual-timers.ts";
import { startFirestore, type RunningFirestore } from "../index.ts";
import { fakeRules, PROJECT, ROOT, until } from "../testing/firestore-fixture.ts";
import {
  bearing,
  nameOf,
  rawClient,
  TRANSPORTS,
  type RawFirestore,
} from "../testing/transports.ts";

const LIFETIME_MS = 3_600_000;
let timers: VirtualTimers;
let server: RunningFirestore;
let client: RawFirestore;
let verified = 0;

beforeEach(async () => {
  timers = new VirtualTimers();
  verified = 0;
  server = await startFirestore({
    projectId: PROJECT,
    timers,
    log: silentLogger,
    rules: fakeRules(() => true),
    ownerToken: "owner",
    // Believes every token for an hour from when it first saw it, and for another hour when asked again.
    verifyIdToken: async (uid) => {
      verified += 1;
      return { uid, token: { sub: uid, exp: (timers.now() + LIFETIME_MS) / 1000 } };
    },
  });
  client = rawClient(server.port);
});
afterEach(async () => {
  client.close();
  await server.stop();
});

interface Opened {
  answers: number;
  end: string | undefined;
}

function open(method: "Listen" | "Write", token: string, request: object): Opened {
  const opened: Opened = { answers: 0, end: undefined };
  const call = client[method](bearing(`Bearer ${token}`));
  call.on("data", () => (opened.answers += 1));
  call.on("end", () => (opened.end ??= "OK"));
  call.on("error", (error: Error & { code?: number }) => (opened.end = nameOf(error)));
  call.write({ database: ROOT.slice(0, -"/documents".length), ...request });
  return opened;
}

const target = { addTarget: { targetId: 1, documents: { documents: [`${ROOT}/open/a`] } } };

test("an open call ends as UNAUTHENTICATED when its token does, and hears nothing afterwards", async () => {
  const [watch, write] = [open("Listen", "ada", target), open("Write", "ada", {})];
  const administrator = open("Listen", "owner", target);
  await until(
    () => watch.answers === 4 && administrator.answers === 4 && write.answers === 1,
    "open",
  );
  timers.pass(LIFETIME_MS - 1);
  expect([watch.end, write.end]).toEqual([undefined, undefined]);
  timers.pass(1);
  await until(() => watch.end !== undefined && write.end !== undefined, "the end of both");
  expect([watch.end, write.end]).toEqual(["UNAUTHENTICATED", "UNAUTHENTICATED"]);
  const [heard, before] = [watch.answers, administrator.answers];
  expect(await commit("owner")).toBe(200);
  await until(() => administrator.answers > before, "the administrator's news");
  expect(watch.answers).toBe(heard);
  expect(administrator.end).toBeUndefined();
});

test("a token is verified once, and once more after it expired", async () => {
  for (const ask of Object.values(TRANSPORTS))
    expect(await ask(server.port, "Bearer ada")).toBe("OK");
  expect(verified).toBe(1);
  timers.pass(LIFETIME_MS - 1);
  expect(await commit("ada")).toBe(200);
  expect(verified).toBe(1);
  timers.pass(1);
  expect(await commit("ada")).toBe(200);
  expect(verified).toBe(2);
});

async function commit(token: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${server.port}/v1/${ROOT}:commit`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ writes: [{ update: { name: `${ROOT}/open/a`, fields: {} } }] }),
  });
  await response.body?.cancel();
  return response.status;
}
