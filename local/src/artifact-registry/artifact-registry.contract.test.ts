import { createHash } from "node:crypto";
import { chmod, lstat, mkdtemp, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { pack, type Header } from "tar-stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createImageStore } from "./image-store.ts";
import { startArtifactRegistry, type RunningArtifactRegistry } from "./index.ts";

const OCI = "application/vnd.oci.image.manifest.v1+json";
const GZIP_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
const REPOSITORY = "bifrost-test/apps/demo";
const auth = { authorization: "Bearer writer" };

let dir: string;
let registry: RunningArtifactRegistry;
let base: string;

async function start(): Promise<void> {
  registry = await startArtifactRegistry({
    projectId: "bifrost-test",
    dataDir: join(dir, "registry"),
    maxBlobBytes: 1024 ** 2,
    timers: systemTimers,
    log: silentLogger,
    authorize: async (credential, repository, action) =>
      credential?.token === "writer" ||
      (credential?.token === "reader" && action === "pull" && repository.endsWith("demo")),
  });
  base = `http://${registry.registryHost}/v2`;
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "registry-test-"));
  await start();
});

afterEach(async () => {
  await registry.stop();
  await rm(dir, { recursive: true, force: true });
});

function sha(bytes: Buffer | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

async function call(
  path: string,
  init: Omit<RequestInit, "headers"> & { headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(`${base}${path}`, { ...init, headers: { ...auth, ...init.headers } });
}

async function pushBlob(bytes: Buffer, repository = REPOSITORY): Promise<string> {
  const begun = await call(`/${repository}/blobs/uploads/`, { method: "POST" });
  const url = new URL(begun.headers.get("location") ?? "", base);
  url.searchParams.set("digest", sha(bytes));
  const done = await fetch(url, { method: "PUT", headers: auth, body: new Uint8Array(bytes) });
  expect(done.status).toBe(201);
  return sha(bytes);
}

type Entry = Partial<Header> & { name: string; body?: string };

async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack();
  for (const { body, ...header } of entries) archive.entry(header, body ?? "");
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function pushImage(layers: readonly (readonly Entry[])[], tag = "latest"): Promise<string> {
  const tars = await Promise.all(layers.map(tarOf));
  const config = Buffer.from(
    JSON.stringify({
      config: {
        Cmd: ["/bin/sh", "-c", "npm start"],
        Env: ["A=b=c"],
        WorkingDir: "/app",
        User: "7",
      },
      rootfs: { type: "layers", diff_ids: tars.map(sha) },
    }),
  );
  const descriptor = (mediaType: string, bytes: Buffer) => ({
    mediaType,
    digest: sha(bytes),
    size: bytes.length,
  });
  const blobs = tars.map((tar) => gzipSync(tar));
  for (const blob of [...blobs, config]) await pushBlob(blob);
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI,
    config: descriptor("application/vnd.oci.image.config.v1+json", config),
    layers: blobs.map((blob) => descriptor(GZIP_LAYER, blob)),
  });
  const put = await call(`/${REPOSITORY}/manifests/${tag}`, {
    method: "PUT",
    headers: { "content-type": OCI },
    body: manifest,
  });
  expect(put.status).toBe(201);
  expect(put.headers.get("docker-content-digest")).toBe(sha(manifest));
  return sha(manifest);
}

async function errorCode(response: Response): Promise<string | undefined> {
  const body = (await response.json()) as { errors: { code: string }[] };
  return body.errors[0]?.code;
}

describe("the distribution protocol", () => {
  test("a caller without a credential is challenged, one with too little is denied", async () => {
    const anonymous = await fetch(`${base}/`);
    expect(anonymous.status).toBe(401);
    expect(anonymous.headers.get("www-authenticate")).toBe('Basic realm="bifrost-test"');
    const headers = { authorization: `Basic ${btoa("oauth2accesstoken:reader")}` };
    const read = await fetch(`${base}/${REPOSITORY}/tags/list`, { headers });
    expect([read.status, await errorCode(read)]).toEqual([404, "NAME_UNKNOWN"]);
    const write = await fetch(`${base}/${REPOSITORY}/blobs/uploads/`, { method: "POST", headers });
    expect([write.status, await errorCode(write)]).toEqual([403, "DENIED"]);
    const other = await fetch(`${base}/bifrost-test/apps/other/tags/list`, { headers });
    expect(other.status).toBe(403);
    expect((await call("/")).status).toBe(200);
  });

  test("a chunked upload continues where it stopped, also after a restart", async () => {
    const begun = await call(`/${REPOSITORY}/blobs/uploads/`, { method: "POST" });
    const location = begun.headers.get("location") ?? "";
    const path = location.slice("/v2".length);
    const first = await call(path, {
      method: "PATCH",
      headers: { "content-range": "0-4" },
      body: "hello",
    });
    expect([first.status, first.headers.get("range")]).toEqual([202, "0-4"]);
    const gap = await call(path, {
      method: "PATCH",
      headers: { "content-range": "9-10" },
      body: "xx",
    });
    expect([gap.status, await errorCode(gap)]).toEqual([416, "RANGE_INVALID"]);
    await registry.stop();
    await start();
    const whole = sha("hello world");
    const put = await call(`${path}?digest=${whole}`, { method: "PUT", body: " world" });
    expect(put.status).toBe(201);
    const got = await call(`/${REPOSITORY}/blobs/${whole}`, { headers: { range: "bytes=6-" } });
    expect([got.status, await got.text()]).toEqual([206, "world"]);
  });

  test("bytes that are not what the digest says are refused and forgotten", async () => {
    const wrong = sha("something else");
    const put = await call(`/${REPOSITORY}/blobs/uploads/?digest=${wrong}`, {
      method: "POST",
      body: "hello",
    });
    expect([put.status, await errorCode(put)]).toEqual([400, "DIGEST_INVALID"]);
    expect((await call(`/${REPOSITORY}/blobs/${wrong}`, { method: "HEAD" })).status).toBe(404);
  });

  test("a blob above the cap is refused", async () => {
    const body = new Uint8Array(1024 ** 2 + 1);
    const digest = sha(Buffer.from(body));
    const put = await call(`/${REPOSITORY}/blobs/uploads/?digest=${digest}`, {
      method: "POST",
      body,
    });
    expect([put.status, await errorCode(put)]).toEqual([413, "SIZE_INVALID"]);
  });

  test("a repository sees only its own blobs, and a mount becomes an upload", async () => {
    const digest = await pushBlob(Buffer.from("private"));
    const other = "bifrost-test/apps/other";
    expect((await call(`/${other}/blobs/${digest}`)).status).toBe(404);
    const mount = await call(`/${other}/blobs/uploads/?mount=${digest}&from=${REPOSITORY}`, {
      method: "POST",
    });
    expect(mount.status).toBe(202);
    expect((await call(`/${other}/blobs/${digest}`)).status).toBe(404);
  });

  test.each([
    ["names a blob nobody uploaded", OCI, sha("absent"), "MANIFEST_BLOB_UNKNOWN"],
    ["has a type outside the subset", "application/json", sha("absent"), "MANIFEST_INVALID"],
    ["names something that is no digest", OCI, "latest", "MANIFEST_INVALID"],
  ])("a manifest that %s is refused", async (_what, mediaType, digest, code) => {
    const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: 6 };
    const put = await call(`/${REPOSITORY}/manifests/v1`, {
      method: "PUT",
      headers: { "content-type": mediaType },
      body: JSON.stringify({ schemaVersion: 2, config, layers: [] }),
    });
    expect([put.status, await errorCode(put)]).toEqual([400, code]);
  });

  test("tags move, list in order and survive a restart with their images", async () => {
    const old = await pushImage([[{ name: "a", body: "1" }]], "v2");
    await pushImage([[{ name: "a", body: "2" }]], "v1");
    const moved = await pushImage([[{ name: "a", body: "3" }]], "v2");
    await registry.stop();
    await start();
    const list = await (await call(`/${REPOSITORY}/tags/list`)).json();
    expect(list).toEqual({ name: REPOSITORY, tags: ["v1", "v2"] });
    const head = await call(`/${REPOSITORY}/manifests/v2`, { method: "HEAD" });
    expect(head.headers.get("docker-content-digest")).toBe(moved);
    expect((await call(`/${REPOSITORY}/manifests/${old}`)).status).toBe(200);
  });

  test.each([
    ["DELETE", `/${REPOSITORY}/manifests/v1`, 405, "UNSUPPORTED"],
    ["GET", "/_catalog", 405, "UNSUPPORTED"],
    ["GET", "/Upper/tags/list", 400, "NAME_INVALID"],
    ["GET", `/${REPOSITORY}/manifests/none`, 404, "MANIFEST_UNKNOWN"],
    ["GET", `/${REPOSITORY}/blobs/sha512:00`, 400, "DIGEST_INVALID"],
  ])("%s %s is answered by name", async (method, path, status, code) => {
    const response = await call(path, { method });
    expect([response.status, await errorCode(response)]).toEqual([status, code]);
  });
});

function store() {
  return createImageStore({
    cacheDir: join(dir, "images"),
    credential: { kind: "basic", token: "reader" },
  });
}

describe("pulling", () => {
  test("layers stack, whiteouts delete, links stay inside and setuid is dropped", async () => {
    const digest = await pushImage([
      [
        { name: "app/", type: "directory", mode: 0o755 },
        { name: "app/tool", mode: 0o4755, body: "#!/bin/sh\n" },
        { name: "app/gone", body: "x" },
        { name: "app/deep/old", body: "x" },
      ],
      [
        { name: "app/.wh.gone" },
        { name: "app/deep/.wh..wh..opq" },
        { name: "app/deep/new", body: "y" },
        { name: "app/abs", type: "symlink", linkname: "/etc/passwd" },
        { name: "lib", type: "symlink", linkname: "/app" },
        { name: "lib/through-link", body: "z" },
        { name: "app/hard", type: "link", linkname: "app/tool" },
        { name: "dev", type: "fifo" },
      ],
    ]);
    const image = await store().pullImage(`${registry.registryHost}/${REPOSITORY}@${digest}`);
    const at = (name: string) => join(image.rootDir, name);
    expect((await stat(at("app/tool"))).mode & 0o7777).toBe(0o755);
    expect(await readlink(at("app/abs"))).toBe("../etc/passwd");
    expect(await readFile(at("app/through-link"), "utf8")).toBe("z");
    expect(await readFile(at("app/hard"), "utf8")).toBe("#!/bin/sh\n");
    expect(await readFile(at("app/deep/new"), "utf8")).toBe("y");
    for (const name of ["app/gone", "app/deep/old", "dev"]) {
      await expect(lstat(at(name))).rejects.toThrow("ENOENT");
    }
    expect(image.config).toEqual({
      cmd: ["/bin/sh", "-c", "npm start"],
      entrypoint: [],
      env: { A: "b=c" },
      workingDir: "/app",
      user: "7",
    });
  });

  test("concurrent pulls share one unpacking and later ones need no registry", async () => {
    const digest = await pushImage([[{ name: "a", body: "1" }]]);
    const reference = `${registry.registryHost}/${REPOSITORY}@${digest}`;
    const images = store();
    const both = await Promise.all([images.pullImage(reference), images.pullImage(reference)]);
    expect(both[0]).toEqual(both[1]);
    await registry.stop();
    expect(await store().pullImage(reference)).toEqual(both[0]);
    await start();
  });

  test.each<[string, Entry[]]>([
    ["climbs with ..", [{ name: "../evil", body: "x" }]],
    ["is absolute", [{ name: "/evil", body: "x" }]],
    ["links above the root", [{ name: "a", type: "symlink", linkname: "../../etc" }]],
    ["hard links to nothing inside", [{ name: "a", type: "link", linkname: "etc/passwd" }]],
    [
      "loops through links",
      [
        { name: "a", type: "symlink", linkname: "b" },
        { name: "b", type: "symlink", linkname: "a" },
        { name: "a/x", body: "x" },
      ],
    ],
  ])("a layer whose entry %s is refused and leaves nothing", async (_what, entries) => {
    const digest = await pushImage([entries]);
    const pulled = store().pullImage(`${registry.registryHost}/${REPOSITORY}@${digest}`);
    await expect(pulled).rejects.toMatchObject({ code: "data-corrupt" });
    await expect(lstat(join(dir, "evil"))).rejects.toThrow("ENOENT");
    await expect(lstat(join(dir, "images", digest.slice(7)))).rejects.toThrow("ENOENT");
  });

  test("an unknown digest is not found and a damaged store is noticed", async () => {
    const reference = `${registry.registryHost}/${REPOSITORY}@${sha("nothing")}`;
    await expect(store().pullImage(reference)).rejects.toMatchObject({ code: "not-found" });
    const digest = await pushImage([[{ name: "a", body: "1" }]]);
    const manifest = (await (await call(`/${REPOSITORY}/manifests/${digest}`)).json()) as {
      layers: [{ digest: string }];
    };
    const hex = manifest.layers[0].digest.slice(7);
    const path = join(dir, "registry/blobs/sha256", hex.slice(0, 2), hex);
    await chmod(path, 0o644);
    await writeFile(path, "damaged");
    const pulled = store().pullImage(`${registry.registryHost}/${REPOSITORY}@${digest}`);
    await expect(pulled).rejects.toMatchObject({ code: "data-corrupt" });
  });
});
