/** The embedded Firestore on a file system that really runs full; needs root for the mount. */
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger, type Logger } from "@bifrost/shared/ports/logger";
import { afterEach, expect, test, type TestContext } from "vitest";
import { startFirestore, type RunningFirestore } from "../../local/src/firestore/index.ts";
import { mountSmallDisk, type SmallDisk } from "../e2e/restart/small-disk.ts";
import { until } from "../support/until.ts";

const ROOT = "projects/bifrost-local/databases/(default)/documents";
const KIB = 1024;

let disk: SmallDisk | null = null;
let store: RunningFirestore | null = null;
let warnings: string[] = [];
afterEach(async () => {
  await store?.stop();
  store = null;
  disk?.unmount();
  disk = null;
  warnings = [];
});

function smallDisk(context: TestContext, size: string): SmallDisk {
  disk = mountSmallDisk(size);
  return disk ?? context.skip("mount needs root");
}

async function open(folder: string): Promise<RunningFirestore> {
  const log: Logger = { ...silentLogger, warn: (event) => warnings.push(event) };
  store = await startFirestore({
    projectId: "bifrost-local",
    timers: systemTimers,
    log,
    rules: { check: () => ({ allowed: false, reason: "only the owner is served" }) },
    verifyIdToken: () => Promise.reject(new Error("nobody signs in")),
    ownerToken: "owner",
    dataDir: path.join(folder, "firestore"),
    compaction: { logBytes: 400 * KIB, snapshots: 1 },
  });
  return store;
}

/** A document of about 8 KiB; answers the status of the protocol. */
async function write(server: RunningFirestore, id: string, n: number): Promise<string> {
  const fields = { n: { integerValue: n }, padding: { stringValue: "x".repeat(8 * KIB) } };
  const response = await fetch(`http://127.0.0.1:${server.port}/v1/${ROOT}:commit`, {
    method: "POST",
    headers: { authorization: "Bearer owner" },
    body: JSON.stringify({ writes: [{ update: { name: `${ROOT}/items/${id}`, fields } }] }),
  });
  const body = (await response.json()) as { readonly error?: { readonly status: string } };
  return body.error?.status ?? "OK";
}

const isSaid = () => warnings.some((event) => event.includes("could not compact"));
const read = (server: RunningFirestore, id: string) =>
  Number(server.read(`items/${id}`)?.fields["n"]?.["integerValue"] ?? 0);

test("a full disk refuses writes, keeps what it acknowledged, and takes writes again once there is space", async (context) => {
  const { folder, fill, free } = smallDisk(context, "4m");
  const server = await open(folder);
  let acknowledged = 0;
  const next = async (): Promise<string> => {
    const status = await write(server, `i${acknowledged + 1}`, acknowledged + 1);
    if (status === "OK") acknowledged += 1;
    return status;
  };
  for (let turn = 0; turn < 30; turn += 1) expect(await next()).toBe("OK");
  for (let turn = 0; turn < 3; turn += 1) {
    fill();
    const statuses: string[] = [];
    for (let attempt = 0; attempt < 50; attempt += 1) statuses.push(await next());
    // What begins on the last page of the file still fits.
    const refused = statuses.filter((status) => status !== "OK");
    expect(refused.length).toBeGreaterThan(40);
    expect(new Set(refused)).toEqual(new Set(["RESOURCE_EXHAUSTED"]));
    expect(read(server, `i${acknowledged}`)).toBe(acknowledged);
    expect(server.lastSequence()).toBe(acknowledged);
    free();
    expect(await next()).toBe("OK");
  }
  await server.stop();
  const again = await open(folder);
  const ids = Array.from({ length: acknowledged }, (_, index) => index + 1);
  expect(ids.map((n) => read(again, `i${n}`))).toEqual(ids);
  expect(read(again, `i${acknowledged + 1}`)).toBe(0);
});

test("without room for a snapshot the log goes on, says so, and is compacted once there is room", async (context) => {
  const { folder } = smallDisk(context, "2m");
  const server = await open(folder);
  const newest = new Map<string, number>();
  let n = 0;
  const next = async (): Promise<void> => {
    n += 1;
    const id = `i${n % 40}`;
    if ((await write(server, id, n)) === "OK") newest.set(id, n);
  };
  for (let turn = 0; turn < 40; turn += 1) await next();
  // The documents take 330 KiB; the wall leaves room for the rest of the log but not for them once more.
  const wall = path.join(folder, "wall");
  writeFileSync(wall, Buffer.alloc(1450 * KIB));
  for (let turn = 0; turn < 40 && !isSaid(); turn += 1) await next();
  await until(isSaid);
  expect(server.info()["compactions"]).toBe(0);
  expect(
    readdirSync(path.join(folder, "firestore")).filter((name) => name.endsWith(".draft")),
  ).toEqual([]);
  rmSync(wall);
  for (let turn = 0; turn < 60; turn += 1) await next();
  await until(() => Number(server.info()["compactions"]) > 0);
  await server.stop();
  const again = await open(folder);
  expect(newest.size).toBe(40);
  for (const [id, value] of newest) expect([id, read(again, id)]).toEqual([id, value]);
});
