import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { startArtifactRegistry } from "@bifrost/local/artifact-registry/index";
import { pack, type Header } from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packImage } from "../../../pack/src/pack-image.ts";
import { parseArguments } from "../../../pack/src/parse-arguments.ts";
import { writeFiles } from "../../../test/support/folders.ts";
import type { ImageDigest, ProjectId } from "../domain/ids.ts";
import { systemTimers } from "../domain/time.ts";
import { silentLogger } from "../ports/logger.ts";
import { registryImageFiles } from "./registry-image-files.ts";

const closing: (() => Promise<unknown>)[] = [];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "image-files-"));
  closing.push(() => rm(folder, { recursive: true, force: true }));
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
