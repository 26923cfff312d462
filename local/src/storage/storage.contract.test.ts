import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Storage } from "@google-cloud/storage";
import type { Bucket } from "@google-cloud/storage";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { startStorage } from "./index.ts";
import type { RunningStorage } from "./index.ts";

let dataDir: string;
let storage: RunningStorage;
let bucket: Bucket;

async function start(): Promise<void> {
  process.env["METADATA_SERVER_DETECTION"] = "none";
  storage = await startStorage({ dataDir, timers: systemTimers, log: silentLogger });
  await storage.ensureBucket("sources");
  const apiEndpoint = `http://127.0.0.1:${storage.port}`;
  bucket = new Storage({ projectId: "demo", apiEndpoint }).bucket("sources");
}

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "storage-"));
  await start();
});
afterEach(async () => {
  await storage.stop();
  await rm(dataDir, { recursive: true });
});

const save = (name: string, data: string | Buffer, options: object = {}) =>
  bucket.file(name).save(data, { resumable: false, ...options });
const read = async (name: string) => (await bucket.file(name).download())[0].toString();
const readRange = async (from: number, end?: number) =>
  (
    await bucket.file("digits").download({ start: from, ...(end === undefined ? {} : { end }) })
  )[0].toString();
const generationOf = async (name: string) =>
  Number((await bucket.file(name).getMetadata())[0].generation);

describe("the stock client", () => {
  test("creates a bucket once", async () => {
    const client = new Storage({
      projectId: "demo",
      apiEndpoint: `http://127.0.0.1:${storage.port}`,
    });
    const [created] = await client.createBucket("policies");
    expect(created.name).toBe("policies");
    await expect(client.createBucket("policies")).rejects.toMatchObject({ code: 409 });
    expect(await client.bucket("policies").exists()).toEqual([true]);
    expect(await client.bucket("nothing-here").exists()).toEqual([false]);
  });

  test("uploads in one request, with metadata, and downloads it checked", async () => {
    await save("a/b.lua", "return 1", {
      contentType: "text/x-lua",
      metadata: { metadata: { sha: "x" }, cacheControl: "no-store" },
    });
    expect(await read("a/b.lua")).toBe("return 1");
    const [metadata] = await bucket.file("a/b.lua").getMetadata();
    expect(metadata).toMatchObject({
      contentType: "text/x-lua",
      size: "8",
      metadata: { sha: "x" },
      cacheControl: "no-store",
      crc32c: expect.stringMatching(/^.{6}==$/) as string,
    });
  });

  test.each([
    ["in one request", {}],
    ["in chunks", { chunkSize: 256 * 1024 }],
  ])("uploads resumably %s", async (_, options) => {
    const data = Buffer.alloc(1_500_000, "0123456789\r\n--");
    await save("big.tgz", data, { resumable: true, ...options });
    const [back] = await bucket.file("big.tgz").download();
    expect(back.equals(data)).toBe(true);
  });

  test("content that looks like a boundary survives a multipart upload", async () => {
    const data = `\r\n--\r\n--boundary--\r\n${"\r\n-".repeat(50_000)}`;
    await save("odd", data);
    expect(await read("odd")).toBe(data);
    await save("empty", "");
    expect(await read("empty")).toBe("");
  });

  test("reads a range", async () => {
    await save("digits", "0123456789");
    expect(await readRange(2, 4)).toBe("234");
    expect(await readRange(7)).toBe("789");
    await expect(readRange(10)).rejects.toMatchObject({ code: 416 });
  });

  test("lists by prefix and delimiter, page by page", async () => {
    for (const name of ["logs/1", "logs/2", "logs/deep/3", "src/4", "top"]) await save(name, name);
    const names = async (query: object) =>
      (await bucket.getFiles(query))[0].map(({ name }) => name);
    expect(await names({ prefix: "logs/" })).toEqual(["logs/1", "logs/2", "logs/deep/3"]);
    expect(await names({ prefix: "logs/", delimiter: "/" })).toEqual(["logs/1", "logs/2"]);
    expect(await names({})).toHaveLength(5);
    const [, , reply] = await bucket.getFiles({ delimiter: "/", autoPaginate: false });
    expect(reply).toMatchObject({ prefixes: ["logs/", "src/"] });
    const [first, next] = await bucket.getFiles({ maxResults: 2, autoPaginate: false });
    expect(first.map(({ name }) => name)).toEqual(["logs/1", "logs/2"]);
    expect(next).toHaveProperty("pageToken");
  });

  test("deletes", async () => {
    await save("x", "1");
    await bucket.file("x").delete();
    await expect(read("x")).rejects.toMatchObject({ code: 404 });
    await expect(bucket.file("x").delete()).rejects.toMatchObject({ code: 404 });
  });
});

describe("preconditions and generations", () => {
  test("each write has a higher generation", async () => {
    await save("x", "1");
    const first = await generationOf("x");
    await save("x", "2");
    expect(await generationOf("x")).toBeGreaterThan(first);
  });

  test.each([
    ["creating what exists", 0],
    ["replacing another generation", 12345],
  ])("%s fails with 412 and changes nothing", async (_, ifGenerationMatch) => {
    await save("x", "kept");
    const preconditionOpts = { ifGenerationMatch };
    await expect(save("x", "new", { preconditionOpts })).rejects.toThrow(/pre-conditions/);
    const resumable = { preconditionOpts, resumable: true };
    await expect(save("x", "new", resumable)).rejects.toThrow(/412/);
    expect(await read("x")).toBe("kept");
  });

  test("of two who create the same object one wins", async () => {
    const create = { preconditionOpts: { ifGenerationMatch: 0 } };
    const outcomes = await Promise.allSettled([save("x", "1", create), save("x", "2", create)]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });

  test("a wrong checksum is refused", async () => {
    const metadata = { md5Hash: "AAAAAAAAAAAAAAAAAAAAAA==" };
    await expect(save("x", "1", { metadata })).rejects.toMatchObject({ code: 400 });
  });
});

describe("on disk", () => {
  test.each(["../../escape", "/etc/passwd", "a/../b", "ä ö/ü?#%.txt", "x".repeat(1024), "..%2f"])(
    "the name %j stays inside and comes back as it was",
    async (name) => {
      await save(name, name);
      expect(await read(name)).toBe(name);
      expect((await bucket.getFiles())[0].map((file) => file.name)).toEqual([name]);
      const files = await readdir(join(dataDir, "buckets", "sources"));
      expect(files.every((file) => /^[0-9a-f]{64}\.(json|\d+)$/.test(file))).toBe(true);
    },
  );

  test("objects survive a restart and replaced content is gone", async () => {
    await save("x", "old");
    await save("x", "new");
    const before = await generationOf("x");
    await storage.stop();
    await start();
    expect(await read("x")).toBe("new");
    await save("x", "newer");
    expect(await generationOf("x")).toBeGreaterThan(before);
    expect(await readdir(join(dataDir, "buckets", "sources"))).toHaveLength(2);
  });

  test("an interrupted upload goes on after a restart", async () => {
    const open = (path: string, init: RequestInit) =>
      fetch(`http://127.0.0.1:${storage.port}${path}`, init);
    const begun = await open("/upload/storage/v1/b/sources/o?uploadType=resumable&name=x", {
      method: "POST",
    });
    const { pathname, search } = new URL(begun.headers.get("location") ?? "");
    const put = (range: string, body?: string) =>
      open(pathname + search, {
        method: "PUT",
        headers: { "content-range": range },
        ...(body === undefined ? {} : { body }),
      });
    expect((await put("bytes 0-4/10", "01234")).status).toBe(308);
    await storage.stop();
    await start();
    const asked = await put("bytes */10");
    expect([asked.status, asked.headers.get("range")]).toEqual([308, "bytes=0-4"]);
    expect((await put("bytes 3-9/10", "3456789")).status).toBe(200);
    expect(await read("x")).toBe("0123456789");
  });
});

test.each([
  ["POST", "/storage/v1/b/sources/o/x/rewriteTo/b/sources/o/y"],
  ["PATCH", "/storage/v1/b/sources/o/x"],
  ["GET", "/storage/v1/b/sources/o?versions=true"],
  ["DELETE", "/storage/v1/b/sources"],
])("%s %s is refused by name", async (method, path) => {
  const reply = await fetch(`http://127.0.0.1:${storage.port}${path}`, { method });
  expect(reply.status).toBe(501);
  expect(await reply.text()).toContain("is not implemented by this stand-in");
});
