/** The command line as people and scripts meet it: help, JSON, exit codes, and every kind of folder to start from. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { App } from "../support/app.ts";
import { nodeApp, ROOT, temporaryFolder, writeFiles } from "../support/folders.ts";
import { type PlatformUnderTest, startPlatform } from "../support/platform.ts";
import { endedWith, type Finished, processesWith, runProgram } from "../support/processes.ts";
import { repositoryIn } from "../support/repository.ts";
import { runJob } from "../support/scheduler.ts";
import { until } from "../support/until.ts";

/** Exit codes as scripts rely on them, spelled out by hand. */
const OK = 0;
const USAGE = 2;
const NOT_FOUND = 3;
const AUTH = 4;
const CONFIG_INVALID = 5;
const DEPLOYMENT_FAILED = 6;
const CONFLICT = 7;

const COMMANDS = [
  "init",
  "deploy",
  "status",
  "logs",
  "deployments",
  "rollback",
  "retry",
  "cancel",
  "open",
  "validate",
  "projects list",
  "projects create",
  "projects delete",
  "policies list",
  "policies show",
  "policies push",
  "policies test",
  "policies activate",
  "policies revert",
  "policies logs",
  "policies attach",
  "policies detach",
  "policies attached",
  "policies delete",
  "cluster status",
  "cluster nodes",
  "cluster diagnose",
  "cluster keys rotate",
];

let platform: PlatformUnderTest;
/** Healthy since before the tests. */
let app: App;

beforeAll(async () => {
  platform = await startPlatform();
  app = await App.create(platform, "base", nodeApp("base"));
  endedWith(OK, await app.cli("deploy"));
});
afterAll(() => platform.stop());

/** Every line of standard output as JSON; throws when one is none. */
function jsonLines({ stdout }: Finished): readonly Record<string, unknown>[] {
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe.concurrent("help", () => {
  test.for(COMMANDS)("of %s says what it does and shows an example", async (command) => {
    const { stdout } = endedWith(OK, await platform.cli([...command.split(" "), "--help"]));
    expect(stdout).toMatch(new RegExp(`^Usage: bifrost ${command}`));
    expect(stdout).toMatch(/Example:\n {2}.*bifrost /);
  });

  test("of the whole names every command", async () => {
    const { stdout } = endedWith(OK, await platform.cli(["--help"]));
    for (const command of COMMANDS) expect(stdout).toContain(` ${command.split(" ")[0]} `);
  });
});

test("a single gateway is no cluster, and says so", async () => {
  const { stderr } = endedWith(NOT_FOUND, await platform.cli(["cluster", "status"]));
  expect(stderr).toContain("This gateway runs alone");
});

describe.concurrent("--json", () => {
  test("gives one JSON value a line and nothing else, whatever the command", async () => {
    const commands = [
      ["projects", "list"],
      ["deployments"],
      ["status"],
      ["logs", "--build"],
      ["open"],
      ["validate"],
      ["init"],
    ];
    for (const command of commands) {
      const finished = endedWith(OK, await app.cli(...command, "--json"));
      expect(jsonLines(finished).length).toBeGreaterThan(0);
      expect(finished.stderr).toBe("");
    }
  });

  test("tells a deployment as it goes along", async () => {
    const folder = writeFiles(temporaryFolder(), nodeApp("spoken"));
    const finished = await platform.cli(["deploy", "--json"], { cwd: folder });
    const lines = jsonLines(endedWith(OK, finished));
    const states = lines.filter(({ kind }) => kind === "transition").map(({ to }) => to);
    expect(states).toEqual([
      "queued",
      "validating",
      "building",
      "built",
      "deploying",
      "running",
      "healthy",
    ]);
    expect(lines.at(-1)).toMatchObject({ kind: "end", deployment: { state: "healthy" } });
  });

  test("tells an error as JSON too", async () => {
    const finished = await platform.cli(["status", "-p", "nobody", "--json"]);
    expect(jsonLines(endedWith(NOT_FOUND, finished))).toMatchObject([
      { error: { code: "not-found" } },
    ]);
  });
});

describe.concurrent("the exit code", () => {
  const cases: readonly [string, number, RegExp][] = [
    ["status", OK, /healthy/],
    ["no-such-command", USAGE, /unknown command/],
    ["status --no-such-option", USAGE, /unknown option/],
    ["status -p nobody", NOT_FOUND, /nobody/],
    ["status 99", NOT_FOUND, /no deployment 99/],
    ["logs nosuchdeployment", NOT_FOUND, /nosuchdeployment/],
    ["deploy --ref nosuchref", NOT_FOUND, /nosuchref.*push it first/],
    ["validate nowhere.toml", NOT_FOUND, /bifrost init/],
    ["retry", CONFLICT, /healthy and may only move to failed/],
    ["cancel", CONFLICT, /deployment 1 is healthy, and only one on its way.*`bifrost rollback`/],
    ["projects create base", CONFLICT, /base/],
    ["projects delete base", USAGE, /--yes/],
  ];
  test.for(cases)("of %s is %i", async ([command, code, words]) => {
    const { stdout, stderr } = endedWith(code, await app.cli(...command.split(" ")));
    expect(stdout + stderr).toMatch(words);
    expect(stderr).not.toMatch(/ {4}at /); // a message, no stack
  });

  test("tells a wrong credential, a missing one and a platform that does not answer", async () => {
    const wrong = { BIFROST_API_URL: `${platform.address(1)}/api/v1`, BIFROST_API_KEY: "bfk_no" };
    const refused = endedWith(AUTH, await platform.cli(["projects", "list"], { env: wrong }));
    expect(refused.stderr).toMatch(/API key/);
    const none = { BIFROST_CREDENTIALS: path.join(temporaryFolder(), "none.json") };
    const unknown = endedWith(AUTH, await platform.cli(["projects", "list"], { env: none }));
    expect(unknown.stderr).toMatch(/not signed in/);
    const nowhere = { BIFROST_API_URL: "http://127.0.0.1:1/api/v1", BIFROST_API_KEY: "bfk_no" };
    const silent = endedWith(1, await platform.cli(["projects", "list"], { env: nowhere }));
    expect(silent.stderr).toBe(
      "bifrost: no answer from http://127.0.0.1:1/api/v1; is the platform running? (`npm start`)\n",
    );
    const other = { ...wrong, BIFROST_API_URL: platform.address(3) };
    const strange = await platform.cli(["projects", "list"], { env: other });
    expect(strange.code).not.toBe(OK);
    expect(strange.stderr.trim().split("\n")).toHaveLength(1);
  });

  test("of a deploy.toml with errors is 5, with every error shown", async () => {
    const folder = path.join(ROOT, "examples", "broken-config");
    const deployed = endedWith(CONFIG_INVALID, await platform.cli(["deploy"], { cwd: folder }));
    expect(deployed.stdout.match(/^error\[/gm)).toHaveLength(3);
    const { stderr } = endedWith(USAGE, await platform.cli(["status"], { cwd: folder }));
    expect(stderr).toMatch(/deploy\.toml has errors, so it names no project: `bifrost validate`/);
  });

  test("of a deployment that fails is 6, with the cause", async () => {
    const config = '[build]\ncommand = "echo the cause && exit 4"\n';
    const folder = writeFiles(temporaryFolder(), nodeApp("fails", { config }));
    const { stdout } = endedWith(
      DEPLOYMENT_FAILED,
      await platform.cli(["deploy"], { cwd: folder }),
    );
    expect(stdout).toMatch(/Deployment 1 failed while building[^]*the cause/);
  });

  test("of validate needs no platform", async () => {
    const cli = path.join(ROOT, "dist", "cli.mjs");
    const env = { PATH: process.env["PATH"], HOME: temporaryFolder() };
    const validate = (example: string) =>
      runProgram(process.execPath, [cli, "validate"], {
        cwd: path.join(ROOT, "examples", example),
        env,
      });
    expect(endedWith(OK, await validate("node-hello")).stdout).toBe("deploy.toml is valid.\n");
    const broken = endedWith(CONFIG_INVALID, await validate("broken-config"));
    expect(broken.stdout).toMatch(/deploy\.toml:3:8/);
  });
});

const { "server.js": SERVER = "" } = nodeApp("any", { answer: "here I am" });

describe.concurrent("deploy", () => {
  test("without a deploy.toml writes one that says what it found", async () => {
    const folder = path.join(temporaryFolder(), "fresh-app");
    mkdirSync(folder);
    writeFileSync(path.join(folder, "server.js"), SERVER);
    const { stdout } = endedWith(OK, await platform.cli(["deploy"], { cwd: folder }));
    expect(stdout).toMatch(/Wrote deploy\.toml \(server\.js says node\)/);
    expect(stdout).toMatch(/no git repository here/);
    expect(readFileSync(path.join(folder, "deploy.toml"), "utf8")).toMatch(/name = "fresh-app"/);
    expect((await platform.get("fresh-app")).body).toBe("here I am");
    expect(existsSync(path.join(folder, ".git"))).toBe(false);
  });

  test("in a folder that nothing says anything about explains what to write", async () => {
    const { stderr } = endedWith(
      CONFIG_INVALID,
      await platform.cli(["deploy"], { cwd: temporaryFolder() }),
    );
    expect(stderr).toMatch(/deploy\.toml with \[app\] name and runtime/);
  });

  test("takes uncommitted changes along and leaves the repository as it is", async () => {
    const own = await App.create(platform, "dirty", nodeApp("dirty", { answer: "committed" }));
    own.repository.write(nodeApp("dirty", { answer: "not committed" }));
    const before = await own.repository.git("status", "--porcelain");
    const head = await own.repository.git("rev-parse", "HEAD");
    const { stdout } = endedWith(OK, await own.cli("deploy"));
    expect(stdout).toMatch(/uncommitted changes included/);
    expect((await own.get()).body).toBe("not committed");
    expect(await own.repository.git("status", "--porcelain")).toBe(before);
    expect(await own.repository.git("rev-parse", "HEAD")).toBe(head);
    const [deployment] = await platform.deployments("dirty");
    expect(deployment?.commit.message).toMatch(/with uncommitted changes/);
  });

  test("works from a branch other than main", async () => {
    const own = await App.create(platform, "branch", nodeApp("branch", { answer: "on main" }));
    await own.repository.git("switch", "--quiet", "-c", "feature");
    const sha = await own.repository.commit("feature", nodeApp("branch", { answer: "a feature" }));
    const { stdout } = endedWith(OK, await own.cli("deploy"));
    expect(stdout).toMatch(/commit [0-9a-f]{7} of feature/);
    expect((await own.get()).body).toBe("a feature");
    expect((await own.deploymentOfHead()).commit.sha).toBe(sha);
  });

  test("takes the app's folder of a larger repository, from anywhere below it", async () => {
    const root = temporaryFolder();
    const files = nodeApp("part", { answer: "a part of it" });
    for (const [name, text] of Object.entries(files)) {
      writeFiles(root, { [`services/part/${name}`]: text });
    }
    writeFiles(root, { "services/part/src/deep.js": "", "README.md": "not part of it" });
    await repositoryIn(root);
    const cwd = path.join(root, "services", "part", "src");
    const { stdout } = endedWith(OK, await platform.cli(["deploy"], { cwd }));
    expect(stdout).toMatch(/the folder services\/part as committed/);
    expect((await platform.get("part")).body).toBe("a part of it");
  });

  test("says at its end how long the release is watched, and a retry of an older one what the URL serves", async () => {
    const own = await App.create(platform, "older", nodeApp("older", { answer: "one" }));
    const first = await own.push();
    endedWith(OK, await own.cli("cancel", "1"));
    expect(await platform.deployment(first.id)).toMatchObject({ state: "failed" });
    own.repository.write(nodeApp("older", { answer: "two" }));
    const deployed = endedWith(OK, await own.cli("deploy"));
    expect(deployed.stdout).toMatch(/^It is watched for 60s\..*: bifrost status 2$/m);
    const retried = endedWith(OK, await own.cli("retry", "1"));
    expect(retried.stdout).toMatch(
      /Deployment 1 is healthy\. +It is not live: http:\/\/older\S+ serves deployment 2\.\n.*bifrost rollback 1\n$/,
    );
    expect((await own.get()).body).toBe("two");
  });

  test("--no-wait prints the deployment and ends", async () => {
    const folder = writeFiles(temporaryFolder(), nodeApp("patient"));
    const { stdout } = endedWith(OK, await platform.cli(["deploy", "--no-wait"], { cwd: folder }));
    const id = /Deployment 1 \((\w+)\)/.exec(stdout)?.[1] ?? "";
    expect(await platform.untilDeployment(id)).toMatchObject({ state: "healthy" });
    const logs = endedWith(OK, await platform.cli(["logs", id]));
    expect(logs.stdout).toMatch(/pack/);
  });
});

describe("a project", () => {
  test("is created, listed, opened and deleted; then its URL and its replicas are gone", async () => {
    const marker = "marker-of-a-deleted-app";
    const created = endedWith(OK, await platform.cli(["projects", "create", "brief"]));
    expect(created.stdout).toMatch(/Created brief for local\/brief: http:\/\/brief\.localhost/);
    const files = nodeApp("brief");
    const config = files["deploy.toml"]?.replace("node server.js", `node server.js ${marker}`);
    const folder = writeFiles(temporaryFolder(), { ...files, "deploy.toml": config ?? "" });
    endedWith(OK, await platform.cli(["deploy"], { cwd: folder }));
    expect((await platform.get("brief")).status).toBe(200);
    expect(processesWith(marker)).not.toEqual([]);
    const listed = endedWith(OK, await platform.cli(["projects", "list"]));
    expect(listed.stdout).toMatch(/^brief +deployment 1 +http:\/\/brief\.localhost/m);
    const opened = endedWith(OK, await platform.cli(["open"], { cwd: folder }));
    expect(opened.stdout).toBe(`http://${platform.hostOf("brief")}\n`);

    endedWith(OK, await platform.cli(["projects", "delete", "brief", "--yes"]));
    await until(async () => (await platform.get("brief")).status === 404, {
      what: "an unknown host",
    });
    endedWith(NOT_FOUND, await platform.cli(["open", "-p", "brief"]));
    const left = endedWith(OK, await platform.cli(["projects", "list"]));
    expect(left.stdout).not.toMatch(/^brief /m);
    await runJob(platform, "reap"); // what the clock does every minute
    await until(() => processesWith(marker).length === 0, { what: "the end of the replicas" });
  });
});
