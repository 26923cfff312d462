/** `npm start` and `npm run clean` as someone meets them who has just cloned the repository. */
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { App } from "../support/app.ts";
import { nodeApp, removeFolder, ROOT, temporaryFolder, writeFiles } from "../support/folders.ts";
import { type PlatformUnderTest, startPlatform } from "../support/platform.ts";
import {
  descendantsOf,
  endedWith,
  processesWith,
  runningProcesses,
  runProgram,
} from "../support/processes.ts";
import { until } from "../support/until.ts";

// Exit codes as sysexits.h has them, spelled out by hand.
const USAGE = 64;
const UNAVAILABLE = 69;
const ALREADY_RUNS = 75;
/** Distance of the store from the base port: see local/src/addresses.ts. */
const FIRESTORE = 5;

const home = temporaryFolder("bf-home-");
let platform: PlatformUnderTest;

beforeAll(async () => {
  platform = await startPlatform({ home, args: [], isInTerminal: true });
});
afterAll(async () => {
  await platform.interrupt();
  removeFolder(home);
});

const start = (...args: readonly string[]) =>
  runProgram(process.execPath, [path.join(ROOT, "scripts", "start.mjs"), ...args], { cwd: ROOT });

/** A token that claims to be the local user, with no signature. */
function unsignedToken(): string {
  const parts = [{ alg: "none" }, { sub: "local", user_id: "local" }];
  return `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".")}.`;
}

/** `npm run clean` in a checkout of its own: it deletes what was built there, too. */
async function clean(env: NodeJS.ProcessEnv) {
  const checkout = writeFiles(temporaryFolder(), { "dist/local.mjs": "", "coverage/index": "" });
  mkdirSync(path.join(checkout, "scripts"));
  for (const name of ["clean.mjs", "prepare.mjs"]) {
    copyFileSync(path.join(ROOT, "scripts", name), path.join(checkout, "scripts", name));
  }
  const script = path.join(checkout, "scripts", "clean.mjs");
  const finished = await runProgram(process.execPath, [script], {
    env: { ...process.env, ...env },
  });
  return { ...finished, isBuilt: existsSync(path.join(checkout, "dist")) };
}

describe("npm start", () => {
  test("deploys the sample app before one's eyes and says where everything is", async () => {
    const printed = await until(() => platform.printed.includes("Ctrl-C") && platform.printed, {
      what: "the end of the story",
      timeoutMs: 60_000,
    });
    const states = [...printed.matchAll(/^● (\w+)/gm)].map(([, state]) => state);
    expect(states).toEqual([
      "queued",
      "validating",
      "building",
      "built",
      "deploying",
      "running",
      "healthy",
    ]);
    expect(printed).toMatch(/^ {2}\S+ │ .*pack: \d+ entries/m);
    expect(printed).toMatch(/Deployment 1 is healthy\. {2}http:\/\/node-hello\.localhost:\d+/);
    expect(printed).toContain(`Sample app    http://${platform.hostOf("node-hello")}  (healthy)`);
    expect(printed).toContain(`API           ${platform.address(1)}/api/v1`);
    expect(printed).toContain(`Data          ${home}`);
    expect(printed.indexOf("● queued")).toBeLessThan(printed.indexOf("Sample app"));
  });

  test("names an address that answers without any name service", async () => {
    const [, host, url] = /curl -H 'Host: (\S+)' (http:\/\/127\.0\.0\.1:\d+\/)/.exec(
      platform.printed,
    ) ?? ["", "", ""];
    expect({ host, url }).toEqual({
      host: platform.hostOf("node-hello"),
      url: `${platform.address(0)}/`,
    });
    expect(await platform.get("node-hello")).toMatchObject({
      status: 200,
      body: expect.stringMatching(/^Hello from Bifrost/),
    });
  });

  test("keeps a store that nobody enters by pretending: it is in no test mode", async () => {
    const store = platform.address(FIRESTORE);
    const documents = "projects/bifrost-local/databases/(default)/documents";
    const statusOf = async (method: string, route: string, token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      return (await fetch(`${store}${route}`, { method, headers })).status;
    };
    for (const token of ["owner", unsignedToken()]) {
      expect(await statusOf("GET", `/v1/${documents}/projects`, token)).toBe(401);
      const rules = await statusOf(
        "PUT",
        "/emulator/v1/projects/bifrost-local:securityRules",
        token,
      );
      expect(rules).toBe(404);
      expect(await statusOf("DELETE", `/emulator/v1/${documents}`, token)).toBe(404);
    }
  });

  test("a second time says that one runs, and where", async () => {
    const { stderr } = endedWith(ALREADY_RUNS, await start("--home", home, "--port", "9990"));
    expect(stderr.trimEnd().split("\n")).toEqual([
      expect.stringMatching(/^bifrost: the platform runs already: .*api\/v1/),
    ]);
    expect(stderr).toContain(platform.address(1));
  });

  test("on ports that are taken names them in one line", async () => {
    const other = temporaryFolder("bf-home-");
    const port = String(platform.port);
    const { stderr } = endedWith(UNAVAILABLE, await start("--home", other, "--port", port));
    expect(stderr.trimEnd().split("\n")).toEqual([
      expect.stringMatching(/^bifrost: another program uses port .* npm start -- --port \d+$/),
    ]);
    expect(stderr).toContain(`${port} (gateway)`);
    expect(processesWith(other)).toEqual([]);
  });

  test("explains itself, and refuses what it does not know", async () => {
    const help = endedWith(0, await start("--help"));
    expect(help.stdout).toMatch(/^Usage: npm start[^]*--no-demo[^]*Example:/);
    const unknown = endedWith(USAGE, await start("--colour"));
    expect(unknown.stderr).toMatch(/^bifrost: .*--colour.*--help.*\n$/);
    const port = endedWith(USAGE, await start("--port", "http"));
    expect(port.stderr).toMatch(
      /^bifrost: --port must be a number from 1024 to \d+, found http\n$/,
    );
  });

  test("beside another platform leaves each with its own apps", async () => {
    const other = await startPlatform();
    const app = await App.create(other, "node-hello", nodeApp("node-hello", { answer: "other" }));
    const deployment = await other.untilDeployment((await app.push()).id);
    expect(deployment).toMatchObject({ state: "healthy" });
    expect((await app.get()).body).toBe("other");
    expect((await platform.get("node-hello")).body).toMatch(/^Hello from Bifrost/);
    await other.stop();
    expect((await platform.get("node-hello")).status).toBe(200);
  });

  test("clean refuses while it runs", async () => {
    const { code, stderr, isBuilt } = await clean({ BIFROST_HOME: home });
    expect({ code, isBuilt }).toEqual({ code: 1, isBuilt: true });
    expect(stderr).toMatch(/is running; stop it first/);
    expect((await platform.get("node-hello")).status).toBe(200);
  });

  test("ends everything it started on Ctrl-C and keeps the data", async () => {
    const before = descendantsOf(platform.pid);
    // The platform itself, its functions and gateway, the app and its sidecar, at least.
    expect(before.length).toBeGreaterThanOrEqual(5);
    expect(before.some(({ commandLine }) => commandLine.includes("server.js"))).toBe(true);
    await platform.interrupt();
    expect(platform.printed).toMatch(/Stopped\. Your data is kept/);
    const left = new Set(runningProcesses().map(({ pid }) => pid));
    expect(before.filter(({ pid }) => left.has(pid))).toEqual([]);
    expect(processesWith(home)).toEqual([]);
    expect(existsSync(path.join(home, "secrets.json"))).toBe(true);
    expect(existsSync(path.join(home, "platform.sock"))).toBe(false);
  });

  test("clean deletes the data and what was built once it has ended", async () => {
    const { code, stdout, isBuilt } = await clean({ BIFROST_HOME: home });
    expect({ code, isBuilt }).toEqual({ code: 0, isBuilt: false });
    expect(stdout).toContain(home);
    expect(existsSync(home)).toBe(false);
  });
});
