/** What carries a static site: the bucket it lies in and the catalogue that names it. */
import { text } from "node:stream/consumers";
import { startStorage } from "@bifrost/local/storage/index";
import { connectFirestore } from "@bifrost/shared/cloud/connect-firestore";
import { firestoreSiteCatalog } from "@bifrost/shared/cloud/firestore-site-catalog";
import { FirestoreSites } from "@bifrost/shared/cloud/firestore-sites";
import { storageObjectStore } from "@bifrost/shared/cloud/storage-object-store";
import { systemTimers } from "@bifrost/shared/domain/time";
import type { BackendTable } from "@bifrost/shared/ports/backend-source";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { PROJECT_ID, SERVICES, World } from "./firestore-world.ts";

const closing: (() => Promise<unknown>)[] = [];
let world: World;

beforeAll(async () => {
  world = await World.start();
  closing.push(() => world.stop());
});
afterAll(() => Promise.all(closing.map((close) => close())));

const options = { timers: systemTimers, log: silentLogger };

describe("the bucket", () => {
  test("is streamed from, listed and emptied", async () => {
    const storage = await startStorage(options);
    closing.push(() => storage.stop());
    await storage.ensureBucket("sites");
    const endpoint = `http://127.0.0.1:${storage.port}`;
    const objects = await storageObjectStore({ projectId: "p", endpoint });
    const { signal } = new AbortController();
    const read = async (name: string, range: { start: number; end: number } | null = null) => {
      const content = await objects.stream("sites", name, range, signal);
      return content === null ? null : text(content);
    };
    await objects.put("sites", "a/1 ö?.txt", new Blob(["0123456789"]).stream());
    await objects.put("sites", "a/1 ö?.txt", new Blob(["other"]).stream());
    expect(await read("a/1 ö?.txt")).toBe("0123456789");
    expect(await read("a/1 ö?.txt", { start: 3, end: 5 })).toBe("345");
    expect(await read("a/none")).toBeNull();
    const away = await storageObjectStore({ projectId: "p", endpoint: "http://127.0.0.1:9" });
    await expect(away.stream("sites", "x", null, signal)).rejects.toThrow("fetch failed");

    const names = Array.from({ length: 30 }, (_, at) => `b/${String(at).padStart(4, "0")}`);
    for (const name of names) await objects.put("sites", name, new Blob(["x"]).stream());
    const listed = await objects.list("sites", "b/");
    expect(listed.map(({ name }) => name).toSorted()).toEqual(names);
    expect(listed[0]?.size).toBe(1);
    for (const name of [...names, "never-there"]) await objects.remove("sites", name);
    expect(await objects.list("sites", "b/")).toEqual([]);
    expect(await objects.list("sites", "")).toHaveLength(1);
  });
});

describe("the catalogue", () => {
  test("is written by deploy, emptied by those who clean up, and closed to all others", async () => {
    const deployment = await world.deployment();
    const { id: deploymentId, projectId } = deployment;
    const place = { deploymentId, projectId };
    const catalog = (service: string) => firestoreSiteCatalog(world.as(service));
    for (const service of SERVICES.filter((name) => name !== "deploy")) {
      const begun = catalog(service).begin(place, "token");
      await expect(begun).rejects.toMatchObject({ code: "permission-denied" });
    }
    await expect(
      catalog("deploy").begin({ ...place, projectId: "another" }, "token"),
    ).rejects.toMatchObject({ code: "permission-denied" });
    await expect(catalog("deploy").publish(deploymentId)).rejects.toMatchObject({
      code: "not-found",
    });
    await catalog("deploy").begin(place, "token");
    await catalog("deploy").begin(place, "another token");
    expect(await catalog("observe").read(deploymentId)).toEqual({ ...place, isPublished: false });
    await expect(catalog("observe").publish(deploymentId)).rejects.toMatchObject({
      code: "permission-denied",
    });
    await catalog("deploy").publish(deploymentId);
    expect(await catalog("reap").list()).toContainEqual({ ...place, isPublished: true });
    const person = firestoreSiteCatalog(world.rest("mia"));
    await expect(person.read(deploymentId)).rejects.toMatchObject({ code: "permission-denied" });
    await expect(catalog("observe").remove(deploymentId)).rejects.toMatchObject({
      code: "permission-denied",
    });
    await catalog("reap").remove(deploymentId);
    await catalog("fail").remove(deploymentId);
    expect(await catalog("deploy").read(deploymentId)).toBeNull();
  });

  test("tells gateways of a site once it is published, and of its end", async () => {
    const { id: deploymentId, projectId } = await world.deployment();
    const catalog = firestoreSiteCatalog(world.as("deploy"));
    const emulator = { host: world.address, token: "owner-of-the-world" };
    const firestore = await connectFirestore(PROJECT_ID, emulator);
    let table: BackendTable | null = null;
    const stop = new FirestoreSites({ firestore, ...options }).watch((next) => (table = next));
    const releaseOf = () => table?.get(deploymentId);
    await catalog.begin({ deploymentId, projectId }, "token");
    await until(() => table !== null, { what: "the first table" });
    expect(releaseOf()).toBeUndefined();
    await catalog.publish(deploymentId);
    const release = await until(releaseOf, { what: "the published site" });
    expect(release).toEqual({
      projectId,
      ready: [],
      files: { manifest: `sites/${projectId}/${deploymentId}/manifest.json`, probeToken: "token" },
    });
    await catalog.remove(deploymentId);
    await until(() => releaseOf() === undefined, { what: "its end" });
    stop();
    await firestore.terminate();
  });
});
