import { execFile } from "node:child_process";
import { createHmac, generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { App } from "@octokit/app";
import { Octokit } from "@octokit/core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startGitHost, type RunningGitHost } from "./index.ts";

/** The tests wait for what must happen; how long it takes says nothing on a busy machine. */
const SOON = { timeout: 20_000, interval: 20 };

const run = promisify(execFile);
const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
const privateKey = keys.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
const appPublicKeyPem = keys.publicKey.export({ type: "spki", format: "pem" }) as string;
const SECRET = "webhook secret";

interface Hook {
  readonly id: string;
  readonly isSigned: boolean;
  readonly body: { ref: string; before: string; after: string } & Record<string, unknown>;
}

let dir: string;
let host: RunningGitHost;
let receiver: Server;
let hooks: Hook[];
let receiverStatus: number;

async function start(port = 0): Promise<void> {
  host = await startGitHost({
    dataDir: join(dir, "host"),
    port,
    timers: systemTimers,
    log: silentLogger,
    appId: "7",
    appPublicKeyPem,
    webhook: {
      url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`,
      secret: SECRET,
    },
    authorizeGit: async (credentials, repository) =>
      credentials?.password === "right" && repository.startsWith("acme/"),
    describePush: (answer) => [`deployment ${(answer as { id: string }).id}`],
  });
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "git-host-"));
  hooks = [];
  receiverStatus = 202;
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const bytes = Buffer.concat(chunks);
      const signature = createHmac("sha256", SECRET).update(bytes).digest("hex");
      response.writeHead(receiverStatus).end(JSON.stringify({ id: "d-1" }));
      if (receiverStatus !== 202) return;
      hooks.push({
        id: String(request.headers["x-github-delivery"]),
        isSigned: request.headers["x-hub-signature-256"] === `sha256=${signature}`,
        body: JSON.parse(bytes.toString("utf8")) as Hook["body"],
      });
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  await start();
});

afterEach(async () => {
  await host.stop();
  receiver.closeAllConnections();
  receiver.close();
  await rm(dir, { recursive: true, force: true });
});

async function git(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const env = {
    PATH: process.env["PATH"],
    HOME: dir,
    GIT_TERMINAL_PROMPT: "0",
    GIT_AUTHOR_DATE: "2026-01-02T03:04:05Z",
    GIT_COMMITTER_DATE: "2026-01-02T03:04:05Z",
  };
  const identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
  const { stdout, stderr } = await run("git", ["-C", join(dir, "work"), ...identity, ...args], {
    env,
  });
  return { stdout: stdout.trim(), stderr };
}

function remote(repository = "acme/shop", password = "right"): string {
  return `http://ada:${password}@127.0.0.1:${host.port}/${repository}.git`;
}

async function commit(files: Record<string, string>, message: string): Promise<string> {
  await mkdir(join(dir, "work"), { recursive: true });
  await git("init", "--quiet", "--initial-branch=main");
  for (const [path, body] of Object.entries(files)) {
    await mkdir(join(dir, "work", path, ".."), { recursive: true });
    await writeFile(join(dir, "work", path), body);
  }
  await git("add", "--all");
  await git("commit", "--quiet", "--allow-empty", "--message", message);
  return (await git("rev-parse", "HEAD")).stdout;
}

/** Exactly how the platform builds its client. */
function octokitApp(key = privateKey): App {
  return new App({
    appId: "7",
    privateKey: key,
    Octokit: Octokit.defaults({ baseUrl: host.url }),
  });
}

async function installation() {
  const app = octokitApp();
  const { data } = await app.octokit.request("GET /repos/{owner}/{repo}/installation", {
    owner: "acme",
    repo: "shop",
  });
  return app.getInstallationOctokit(data.id);
}

const shop = { owner: "acme", repo: "shop" };

describe("git", () => {
  test("a push creates the repository, is announced signed, and the pusher sees the answer", async () => {
    const first = await commit({ "deploy.toml": "a" }, "first");
    const { stderr } = await git("push", remote(), "main");
    expect(stderr).toContain("remote: deployment d-1");
    const second = await commit({ "big.txt": "x\n".repeat(2_000_000) }, "second\n\nbody");
    await git("push", remote(), "main", "main:refs/heads/other");
    expect(hooks.map(({ body }) => [body.ref, body.before, body.after])).toEqual([
      ["refs/heads/main", "0".repeat(40), first],
      ["refs/heads/main", first, second],
      ["refs/heads/other", "0".repeat(40), second],
    ]);
    expect(hooks.every((hook) => hook.isSigned)).toBe(true);
    expect(hooks[0]?.id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(hooks[1]?.body).toMatchObject({
      created: false,
      deleted: false,
      forced: false,
      repository: {
        full_name: "acme/shop",
        name: "shop",
        owner: { login: "acme" },
        default_branch: "main",
        clone_url: `${host.url}/acme/shop.git`,
      },
      head_commit: {
        id: second,
        message: "second\n\nbody",
        timestamp: "2026-01-02T03:04:05+00:00",
        author: { name: "Ada", email: "ada@example.com" },
      },
      pusher: { name: "ada" },
    });
    await run("git", ["clone", "--quiet", remote(), join(dir, "clone")]);
    const { stdout } = await run("git", ["-C", join(dir, "clone"), "rev-parse", "HEAD"]);
    expect(stdout.trim()).toBe(second);
  });

  test("a forced push and a deletion are announced as such", async () => {
    await commit({ a: "1" }, "one");
    await git("push", remote(), "main", "main:refs/heads/gone");
    await git("commit", "--amend", "--quiet", "--message", "other");
    await git("push", "--force", remote(), "main", ":refs/heads/gone");
    const last = hooks.slice(-2).map(({ body }) => body);
    expect(last).toMatchObject([
      { ref: "refs/heads/gone", deleted: true, head_commit: null },
      { ref: "refs/heads/main", forced: true, created: false },
    ]);
  });

  test.each([
    ["a wrong password", "acme/shop", "wrong", "403"],
    ["a repository the user may not push to", "evil/shop", "right", "403"],
    ["a name outside the rules", "acme/%2e%2e", "right", "not found"],
  ])("%s is refused", async (_what, repository, password, status) => {
    await commit({ a: "1" }, "one");
    await expect(git("push", remote(repository, password), "main")).rejects.toThrow(status);
    expect(hooks).toEqual([]);
  });

  test("while the receiver is down a push is stored, said so, and announced later, once", async () => {
    receiverStatus = 503;
    const sha = await commit({ a: "1" }, "one");
    const { stderr } = await git("push", remote(), "main");
    expect(stderr).toContain("the receiver answered 503");
    await host.stop();
    receiverStatus = 202;
    await start();
    await vi.waitFor(() => expect(hooks).toHaveLength(1), SOON);
    expect(hooks[0]?.body.after).toBe(sha);
    await vi.waitFor(() => expect(host.info()["delivered"]).toBe(1), SOON);
  });

  test("a push that landed when the process died is announced at the next start", async () => {
    await commit({ a: "1" }, "one");
    await git("push", remote(), "main");
    await host.stop();
    const sha = await commit({ a: "2" }, "two");
    await git("push", join(dir, "host/repositories/acme/shop.git"), "main");
    await start();
    await vi.waitFor(() => expect(hooks).toHaveLength(2), SOON);
    expect(hooks[1]?.body.after).toBe(sha);
  });
});

describe("the REST subset, through the unmodified @octokit/app", () => {
  test("commits, contents and tarballs of an exact commit", async () => {
    const sha = await commit({ "deploy.toml": "name = 'ü'\n", "src/[a].js": "1" }, "first");
    await git("push", remote(), "main");
    const client = await installation();
    const resolved = await client.request("GET /repos/{owner}/{repo}/commits/{ref}", {
      ...shop,
      ref: "main",
    });
    expect(resolved.data).toMatchObject({
      sha,
      commit: { message: "first", author: { name: "Ada" } },
    });
    const raw = await client.request("GET /repos/{owner}/{repo}/contents/{path}", {
      ...shop,
      path: "deploy.toml",
      ref: sha,
      headers: { accept: "application/vnd.github.raw+json" },
    });
    expect(raw.data).toBe("name = 'ü'\n");
    const json = await client.request("GET /repos/{owner}/{repo}/contents/{path}", {
      ...shop,
      path: "src/[a].js",
      ref: sha,
    });
    expect(json.data).toMatchObject({ type: "file", content: btoa("1"), name: "[a].js" });
    const listed = await client.request("GET /repos/{owner}/{repo}/contents/{path}", {
      ...shop,
      path: "",
      ref: sha,
    });
    expect(listed.data).toMatchObject([
      { name: "deploy.toml", type: "file" },
      { name: "src", type: "dir" },
    ]);
    const tarball = async () => {
      const { data } = await client.request("GET /repos/{owner}/{repo}/tarball/{ref}", {
        ...shop,
        ref: sha,
      });
      return Buffer.from(data as ArrayBuffer);
    };
    const bytes = await tarball();
    expect(gunzipSync(bytes).toString("latin1")).toContain(
      `acme-shop-${sha.slice(0, 7)}/deploy.toml`,
    );
    expect((await tarball()).equals(bytes)).toBe(true);
  });

  test("statuses are kept per context and survive a restart with the token", async () => {
    const sha = await commit({ a: "1" }, "one");
    await git("push", remote(), "main");
    const client = await installation();
    for (const state of ["pending", "success"] as const) {
      await client.request("POST /repos/{owner}/{repo}/statuses/{sha}", {
        ...shop,
        sha,
        state,
        context: "bifrost",
        description: "d",
      });
    }
    const { port } = host;
    await host.stop();
    await start(port);
    const combined = await client.request("GET /repos/{owner}/{repo}/commits/{ref}/status", {
      ...shop,
      ref: sha,
    });
    expect(combined.data).toMatchObject({
      state: "success",
      total_count: 1,
      statuses: [{ state: "success", context: "bifrost", description: "d" }],
    });
  });

  test("unknown things are 404 or 422, wrong credentials 401, the rest 501 by name", async () => {
    await commit({ a: "1" }, "one");
    await git("push", remote(), "main");
    const client = await installation();
    const status = (path: string) =>
      client.request(`GET ${path}`).then(
        (answer) => answer.status,
        (error: unknown) => (error as { status: number }).status,
      );
    expect(await status("/repos/acme/none")).toBe(404);
    expect(await status("/repos/acme/shop/contents/none")).toBe(404);
    expect(await status("/repos/acme/shop/commits/none")).toBe(422);
    expect(await status("/repos/acme/shop/commits/--all")).toBe(422);
    expect(await status("/repos/acme/shop/issues")).toBe(501);
    const response = await fetch(`${host.url}/repos/acme/shop`, {
      headers: { authorization: "Bearer ghs_zzzzzzzzz_00" },
    });
    expect(response.status).toBe(401);
    const other = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    const stranger = octokitApp(other.export({ type: "pkcs8", format: "pem" }) as string);
    const refused = stranger.octokit.request("GET /repos/{owner}/{repo}/installation", shop);
    await expect(refused).rejects.toMatchObject({ status: 401 });
  });
});
