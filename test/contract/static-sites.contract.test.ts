/** What carries a static site: the image it is read from, the bucket it lies in, the catalogue that names it. */
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { startArtifactRegistry } from "@bifrost/local/artifact-registry/index";
import { startStorage } from "@bifrost/local/storage/index";
import { connectFirestore } from "@bifrost/shared/cloud/connect-firestore";
import { firestoreSiteCatalog } from "@bifrost/shared/cloud/firestore-site-catalog";
import { FirestoreSites } from "@bifrost/shared/cloud/firestore-sites";
import { registryImageFiles } from "@bifrost/shared/cloud/registry-image-files";
import { storageObjectStore } from "@bifrost/shared/cloud/storage-object-store";
import type { ImageDigest, ProjectId } from "@bifrost/shared/domain/ids";
import { systemTimers } from "@bifrost/shared/domain/time";
import type { BackendTable } from "@bifrost/shared/ports/backend-source";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { pack, type Header } from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packImage } from "../../pack/src/pack-image.ts";
import { parseArguments } from "../../pack/src/parse-arguments.ts";
import { writeFiles } from "../support/folders.ts";
import { until } from "../support/until.ts";
import { PROJECT_ID, SERVICES, World } from "./firestore-world.ts";

const closing: (() => Promise<unknown>)[] = [];
let folder: string;
let world: World;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "static-sites-"));
  world = await World.start();
  closing.push(
    () => world.stop(),
    () => rm(folder, { recursive: true, force: true }),
  );
});
afterAll(() => Promise.all(closing.map((close) => close())));

const TOKEN = "a-token-of-the-registry";
const options = { timers: systemTimers, log: silentLogger };

async function startRegistry() {
  const registry = await startArtifactRegistry({
    ...options,
    projectId: "p",
    authorize: async (credential) => credential?.token === TOKEN,
  });
  closing.push(() => registry.stop());
  const prefix = `${registry.registryHost}/p/apps`;
  const files = (token = TOKEN) =>
    registryImageFiles({ registry: prefix, token: async () => token });
  return { prefix, files };
}

const PROJECT = "projectaaaaaa" as ProjectId;
const sha = (bytes: Buffer | string) =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

describe("an image in the registry", () => {
  test("gives back the files that were packed, and nothing else of the image", async () => {
    const { prefix, files } = await startRegistry();
    const long = `${"deep/".repeat(30)}${"n".repeat(90)}.txt`;
    const dir = path.join(folder, "site");
    writeFiles(dir, {
      "index.html": "<h1>hi</h1>",
      "a/b.css": "b",
      empty: "",
      "ä.txt": "ä",
      [long]: "l",
    });
    const big = Buffer.alloc(700_000, "x");
    await writeFile(path.join(dir, "big.bin"), big);
    const request = parseArguments([
      "--dir",
      dir,
      "--image",
      `${prefix}/${PROJECT}:v1`,
      "--static",
    ]);
    const { digest } = await packImage(request, { token: TOKEN, scheme: "bearer" });
    const found: Record<string, Buffer> = {};
    for await (const file of files().read(PROJECT, digest as ImageDigest)) {
      // One is left unread: the next one comes all the same.
      found[file.path] = file.path === "empty" ? Buffer.alloc(0) : await buffer(file.content);
      expect(file.size).toBe(found[file.path]?.length);
    }
    expect(Object.keys(found).toSorted()).toEqual(
      ["a/b.css", "big.bin", long, "empty", "index.html", "ä.txt"].toSorted(),
    );
    expect(found["big.bin"]?.equals(big)).toBe(true);
    const refused = files("wrong").read(PROJECT, digest as ImageDigest);
    await expect(refused[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "upstream-refused",
    });
    const missing = files().read(PROJECT, sha("no such") as ImageDigest);
    await expect(missing[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "not-found",
    });
  });

  test.each<[string, (Partial<Header> & { name: string }) | null]>([
    ["a link", { name: "app/link", type: "symlink", linkname: "../../etc/passwd" }],
    ["a hard link", { name: "app/link", type: "link", linkname: "app/x" }],
    ["a device", { name: "app/null", type: "character-device" }],
    ["a way out", { name: "app/../etc/passwd" }],
    ["a way around", { name: "app/./x" }],
    ["an empty segment", { name: "app//x" }],
    ["a backslash", { name: "app/..\\x" }],
    ["no archive at all", null],
  ])("with %s is refused", async (_, header) => {
    const { prefix, files } = await startRegistry();
    const archive = pack();
    if (header !== null) archive.entry(header, "");
    archive.finalize();
    const bytes =
      header === null ? Buffer.from("not gzip") : gzipSync(await buffer(archive as never));
    const digest = await pushLayer(`${prefix}/${PROJECT}`, bytes);
    const iteration = Readable.from(files().read(PROJECT, digest as ImageDigest)).toArray();
    await expect(iteration).rejects.toMatchObject({ code: "data-corrupt" });
  });
});

async function pushLayer(repository: string, layer: Buffer): Promise<string> {
  const [host = "", ...parts] = repository.split("/");
  const base = `http://${host}/v2/${parts.join("/")}`;
  const headers = { authorization: `Bearer ${TOKEN}` };
  const config = Buffer.from("{}");
  for (const blob of [layer, config]) {
    const begun = await fetch(`${base}/blobs/uploads/`, { method: "POST", headers });
    const url = new URL(begun.headers.get("location") ?? "", base);
    url.searchParams.set("digest", sha(blob));
    await fetch(url, { method: "PUT", headers, body: new Uint8Array(blob) });
  }
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const descriptor = (bytes: Buffer, type: string) => ({
    mediaType: type,
    digest: sha(bytes),
    size: bytes.length,
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: descriptor(config, "application/vnd.oci.image.config.v1+json"),
    layers: [descriptor(layer, "application/vnd.oci.image.layer.v1.tar+gzip")],
  });
  const put = { method: "PUT", headers: { ...headers, "content-type": mediaType }, body: manifest };
  const answer = await fetch(`${base}/manifests/v1`, put);
  expect(answer.status).toBe(201);
  return sha(manifest);
}

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
