import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { extract } from "tar-stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { packImage } from "./pack-image.ts";
import { parseArguments } from "./parse-arguments.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const run = promisify(execFile);
const anonymous = { token: undefined, scheme: "bearer" } as const;

let dir: string;
let server: Server;
let host: string;
/** What a registry holds, and each request it saw. */
let blobs: Map<string, Buffer>;
let manifests: Map<string, Buffer>;
let requests: string[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "pack-test-"));
  blobs = new Map();
  manifests = new Map();
  requests = [];
  server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true, force: true });
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", `http://${host}`);
  requests.push(`${request.method} ${url.pathname}`);
  if (url.pathname === "/token") {
    const isKnown = url.searchParams.get("scope") === "repository:private/base:pull";
    response.end(JSON.stringify({ token: isKnown ? "granted" : "no" }));
  } else if (
    url.pathname.startsWith("/v2/private/") &&
    request.headers.authorization !== "Bearer granted"
  ) {
    const challenge = `Bearer realm="http://${host}/token",service="test"`;
    response.writeHead(401, { "www-authenticate": challenge }).end();
  } else {
    await store(request, response, url);
  }
}

async function store(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const name = url.pathname.split("/").at(-1) ?? "";
  const files = url.pathname.includes("/manifests/") ? manifests : blobs;
  if (request.method === "POST") {
    response.writeHead(202, { location: "/v2/x/blobs/uploads/1" }).end();
  } else if (request.method === "PUT") {
    files.set(url.searchParams.get("digest") ?? name, Buffer.concat(chunks));
    response.writeHead(201).end();
  } else {
    const found = files.get(name);
    response.writeHead(found === undefined ? 404 : 200);
    response.end(request.method === "HEAD" ? undefined : found);
  }
}

function sha(bytes: Buffer | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

const FILES = {
  "package.json": "{}",
  "a/b/c.txt": "deep",
  "a-b": "sorts between a and a/b",
  "big.bin": "x".repeat(700_000),
  empty: "",
  [`long/${"n".repeat(90)}/${"m".repeat(120)}`]: "long name",
  "ünï.txt": "unicode",
};

async function makeApp(name: string, order: "forth" | "back", time: number): Promise<string> {
  const root = join(dir, name);
  const files = Object.entries(FILES);
  for (const [path, body] of order === "forth" ? files : files.toReversed()) {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(join(root, path), body);
    await utimes(join(root, path), time, time);
  }
  await writeFile(join(root, "run.sh"), "#!/bin/sh\n");
  await chmod(join(root, "run.sh"), order === "forth" ? 0o755 : 0o700);
  await symlink("run.sh", join(root, "link"));
  await mkdir(join(root, ".git"));
  await writeFile(join(root, ".git/HEAD"), name);
  return root;
}

function argumentsFor(root: string, ...more: string[]): string[] {
  return ["--dir", root, "--image", `${host}/p/app:v1`, ...more];
}

async function layerOf(digest: string) {
  const manifest = JSON.parse((manifests.get("v1") ?? Buffer.from("{}")).toString()) as {
    config: { digest: string };
    layers: { digest: string }[];
  };
  expect(sha(manifests.get("v1") ?? "")).toBe(digest);
  const blob = blobs.get(manifest.layers.at(-1)?.digest ?? "") ?? Buffer.alloc(0);
  const entries: Record<string, { mode: number; mtime: number; body: string; link: string }> = {};
  const names: string[] = [];
  const archive = extract();
  archive.end(gunzipSync(blob));
  for await (const entry of archive) {
    let body = "";
    for await (const chunk of entry as unknown as AsyncIterable<Buffer>) body += String(chunk);
    const { name, mode, mtime, linkname } = entry.header;
    entries[name] = { mode, mtime: mtime.getTime(), body, link: linkname };
    names.push(name);
  }
  const config = JSON.parse(String(blobs.get(manifest.config.digest))) as {
    config: Record<string, unknown>;
    rootfs: { diff_ids: string[] };
    created: string;
  };
  return { entries, names, blob, config, manifest };
}

describe("an image", () => {
  test("is the same for another directory, creation order, times and umask", async () => {
    const first = await makeApp("one", "forth", 1_000);
    const second = await makeApp("elsewhere", "back", 2_000_000);
    const flags = ["--command", "npm start", "--env", "B=2", "--env", "A=1", "--label", "l=1"];
    const one = await packImage(parseArguments(argumentsFor(first, ...flags)), anonymous);
    const uploads = requests.filter((line) => line.startsWith("POST")).length;
    const two = await packImage(parseArguments(argumentsFor(second, ...flags)), anonymous);
    expect(two.digest).toBe(one.digest);
    expect(requests.filter((line) => line.startsWith("POST"))).toHaveLength(uploads);
  });

  test("has normalised entries, a fixed gzip header and the command as a shell line", async () => {
    const root = await makeApp("one", "forth", 1_000);
    const flags = ["--command", "npm start", "--env", "B=2", "--env", "A=1", "--user", "10001"];
    const { digest } = await packImage(parseArguments(argumentsFor(root, ...flags)), anonymous);
    const { entries, names, blob, config } = await layerOf(digest);
    expect([...blob.subarray(0, 10)].toSpliced(8, 1)).toEqual([31, 139, 8, 0, 0, 0, 0, 0, 255]);
    expect(names.slice(0, 5)).toEqual(["app/", "app/a/", "app/a-b", "app/a/b/", "app/a/b/c.txt"]);
    expect(names.some((name) => name.includes(".git"))).toBe(false);
    for (const [path, body] of Object.entries(FILES)) {
      expect(entries[`app/${path}`]).toEqual({ mode: 0o644, mtime: 0, body, link: null });
    }
    expect(entries["app/run.sh"]?.mode).toBe(0o755);
    expect(entries["app/link"]?.link).toBe("run.sh");
    expect(config).toMatchObject({
      created: "1970-01-01T00:00:00Z",
      config: {
        Cmd: ["/bin/sh", "-c", "npm start"],
        Env: ["A=1", "B=2"],
        WorkingDir: "/app",
        User: "10001",
      },
      rootfs: { diff_ids: [sha(gunzipSync(blob))] },
    });
  });

  test("of a static site holds its files and starts nothing; a link is refused by name", async () => {
    const root = await makeApp("one", "forth", 1_000);
    const request = parseArguments(argumentsFor(root, "--static"));
    await expect(packImage(request, anonymous)).rejects.toThrow('"link" is a link');
    await rm(join(root, "link"));
    const { digest } = await packImage(request, anonymous);
    const { names, config } = await layerOf(digest);
    expect(names.filter((name) => !name.startsWith("app/"))).toEqual([]);
    expect(config.config["Cmd"]).toEqual([]);
  });

  test("stands on a pinned base pulled through a token exchange", async () => {
    const layer = Buffer.from("base layer");
    const config = Buffer.from(
      JSON.stringify({
        config: { Env: ["PATH=/bin", "A=base"] },
        rootfs: { diff_ids: [sha("base tar")] },
      }),
    );
    const image = Buffer.from(
      JSON.stringify({
        config: { mediaType: "c", digest: sha(config), size: config.length },
        layers: [{ mediaType: "l", digest: sha(layer), size: layer.length }],
      }),
    );
    const list = Buffer.from(
      JSON.stringify({
        manifests: [
          {
            mediaType: "m",
            digest: sha("arm"),
            size: 1,
            platform: { os: "linux", architecture: "arm64" },
          },
          {
            mediaType: "m",
            digest: sha(image),
            size: image.length,
            platform: { os: "linux", architecture: "amd64" },
          },
        ],
      }),
    );
    manifests.set(sha(image), image).set(sha(list), list);
    blobs.set(sha(config), config).set(sha(layer), layer);
    const root = await makeApp("one", "forth", 1_000);
    const base = ["--base", `${host}/private/base@${sha(list)}`, "--env", "A=own"];
    const flags = argumentsFor(root, "--command", "x", ...base);
    const { digest } = await packImage(parseArguments(flags), anonymous);
    const packed = await layerOf(digest);
    expect(packed.manifest.layers.map((entry) => entry.digest)[0]).toBe(sha(layer));
    expect(packed.config.rootfs.diff_ids[0]).toBe(sha("base tar"));
    expect(packed.config.config["Env"]).toEqual(["A=own", "PATH=/bin"]);
    expect(requests).toContain("GET /token");
  });
});

describe("the command line", () => {
  test("prints the digest, writes it and sends the token", async () => {
    const root = await makeApp("one", "forth", 1_000);
    const file = join(dir, "digest");
    const flags = argumentsFor(root, "--command", "npm start", "--digest-file", file);
    const { stdout } = await run(process.execPath, ["--import", "tsx", MAIN, ...flags], {
      env: { PATH: process.env["PATH"], PACK_REGISTRY_TOKEN: "t" },
    });
    expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(await readFile(file, "utf8")).toBe(stdout.trim());
  });

  test.each([
    [[], /--dir is missing|either/],
    [["--dir", ".", "--image", "x/y:z"], /either --command or --static/],
    [["--dir", ".", "--image", "nope", "--static"], /is not HOST\/REPOSITORY/],
    [["--dir", ".", "--image", "x/y:z", "--static", "--base", "x/y:latest"], /must be pinned/],
    [["--dir", ".", "--image", "x/y:z", "--static", "--env", "A"], /is not NAME=VALUE/],
    [["--dir", ".", "--image", "x/y:z", "--static", "--workdir", "/a/../b"], /absolute path/],
    [["--dir", ".", "--image", "x/y:z", "--static", "--what"], /--what/],
  ])("%j is refused", (argv, message) => {
    expect(() => parseArguments(argv)).toThrow(message);
  });

  test("a directory above a cap, absent or with a link to outside is refused", async () => {
    const root = await makeApp("one", "forth", 1_000);
    const request = parseArguments(argumentsFor(root, "--command", "x"));
    const few = { maxFiles: 3, maxBytes: 1e9, allowsLinks: true };
    await expect(packImage(request, anonymous, few)).rejects.toThrow("more than 3 files");
    const small = { maxFiles: 1e6, maxBytes: 1000, allowsLinks: true };
    await expect(packImage(request, anonymous, small)).rejects.toThrow("more than 1000 bytes");
    await symlink("../../../etc/passwd", join(root, "out"));
    await expect(packImage(request, anonymous)).rejects.toThrow("above the image's root");
    const absent = parseArguments(argumentsFor(join(dir, "no"), "--command", "x"));
    await expect(packImage(absent, anonymous)).rejects.toThrow("is not a directory");
  });
});
