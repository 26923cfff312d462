import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const SERVER = fileURLToPath(new URL("./static-server.mjs", import.meta.url));
let dir: string;
let plain: { child: ChildProcess; port: number };
let spa: { child: ChildProcess; port: number };

async function serve(...flags: string[]) {
  const child = spawn(process.execPath, [SERVER, "--dir", join(dir, "site"), ...flags], {
    env: { PORT: "0", HOST: "127.0.0.1", HEALTH_PATH: "/alive" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { child, port: Number(/(\d+)/.exec(line.toString())?.[1]) };
}

/** A raw request: fetch would tidy the path first. */
async function get(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
) {
  const sent = request({ host: "127.0.0.1", port, path, method, headers }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  let body = "";
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode, headers: response.headers, body };
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "static-server-"));
  await mkdir(join(dir, "site/docs"), { recursive: true });
  await writeFile(join(dir, "site/index.html"), "home");
  await writeFile(join(dir, "site/docs/index.html"), "docs");
  await writeFile(join(dir, "site/app.js"), "1");
  await writeFile(join(dir, "secret"), "secret");
  await symlink("../secret", join(dir, "site/link"));
  plain = await serve();
  spa = await serve("--spa");
});

afterAll(async () => {
  plain.child.kill("SIGKILL");
  spa.child.kill("SIGKILL");
  await rm(dir, { recursive: true, force: true });
});

test.each([
  ["/", 200, "home"],
  ["/docs", 200, "docs"],
  ["/docs/?x=1", 200, "docs"],
  ["/app.js", 200, "1"],
  ["/none", 404, "not found\n"],
  ["/alive", 200, "ok\n"],
  ["/link", 404, "not found\n"],
  ["/../secret", 400, "bad path\n"],
  ["/%2e%2e/secret", 400, "bad path\n"],
  ["/..%2fsecret", 400, "bad path\n"],
  ["/%00", 400, "bad path\n"],
  ["/%zz", 400, "bad path\n"],
])("%s is answered %i", async (path, status, body) => {
  expect(await get(plain.port, path)).toMatchObject({ status, body });
});

test("with --spa a page that does not exist is the index, a missing asset is not", async () => {
  expect(await get(spa.port, "/orders/7")).toMatchObject({ status: 200, body: "home" });
  expect(await get(spa.port, "/gone.js")).toMatchObject({ status: 404 });
});

test("a known tag is answered 304, HEAD has the length and no body, POST is refused", async () => {
  const first = await get(plain.port, "/app.js");
  expect(first.headers["content-type"]).toBe("text/javascript; charset=utf-8");
  const again = await get(plain.port, "/app.js", { "if-none-match": first.headers.etag ?? "" });
  expect([again.status, again.body]).toEqual([304, ""]);
  const head = await get(plain.port, "/", {}, "HEAD");
  expect([head.status, head.headers["content-length"], head.body]).toEqual([200, "4", ""]);
  expect(await get(plain.port, "/", {}, "POST")).toMatchObject({ status: 405 });
});

test("SIGTERM ends the server with exit code 0", async () => {
  const short = await serve();
  short.child.kill("SIGTERM");
  expect(await once(short.child, "exit")).toEqual([0, null]);
});
