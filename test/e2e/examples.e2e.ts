/** Every example, pushed with plain git, to its own answer through the gateway or to a failure that says what is wrong. */
import { afterAll, beforeAll, describe, expect, test, type TestContext } from "vitest";
import type { DeploymentView } from "@bifrost/shared/api/schemas";
import { copyExample } from "../support/folders.ts";
import { type PlatformUnderTest, startPlatform } from "../support/platform.ts";
import { endedWith, lacks, runProgram } from "../support/processes.ts";
import { type Repository, repositoryIn } from "../support/repository.ts";

let platform: PlatformUnderTest;

beforeAll(async () => {
  platform = await startPlatform({ env: { BIFROST_HEALTH_TIMEOUT_SECONDS: "12" } });
});
afterAll(() => platform.stop());

/** What a developer does: `bifrost init` once, then `git push bifrost main`. */
async function push(example: string): Promise<DeploymentView> {
  const repository = await repositoryIn(copyExample(example));
  if (example === "broken-config") await registerByHand(example, repository);
  else endedWith(0, await platform.cli(["init"], { cwd: repository.folder }));
  await repository.git("push", "bifrost", "main");
  const sha = await repository.git("rev-parse", "HEAD");
  const [created] = await platform.deployments(example);
  expect(created).toMatchObject({ number: 1, trigger: "push", commit: { sha, author: "Ada" } });
  return platform.untilDeployment(created?.id ?? "");
}

/** `bifrost init` refuses a deploy.toml with errors, so the project comes from another command. */
async function registerByHand(name: string, repository: Repository): Promise<void> {
  endedWith(0, await platform.cli(["projects", "create", name]));
  const url = `http://bifrost:${platform.apiKey}@127.0.0.1:${platform.port + 2}/local/${name}.git`;
  await repository.git("remote", "add", "bifrost", url);
}

async function pushToHealthy(example: string): Promise<DeploymentView> {
  const deployment = await push(example);
  const { state, failure } = deployment;
  expect({ state, failure }).toEqual({ state: "healthy", failure: null });
  return deployment;
}

interface Example {
  readonly name: string;
  /** The app's own answer to `/`. */
  readonly answer: RegExp;
  /** Null when this machine has what it needs. */
  readonly lacks: () => string | null | Promise<string | null>;
}

const nothing = () => null;
const EXAMPLES: readonly Example[] = [
  {
    name: "node-hello",
    answer: /^Hello from Bifrost, this is Node v\d+\.\d+\.\d+\n$/,
    lacks: nothing,
  },
  {
    name: "node-npm",
    answer: /^Hello from a dependency\n$/,
    lacks: async () => {
      const asked = await runProgram("npm", ["view", "polka@0.5.2", "version"], {
        timeoutMs: 15_000,
      });
      return asked.code === 0 ? null : "npm-registry is not reachable";
    },
  },
  {
    name: "python-hello",
    answer: /^Hello from Python 3\.\d+\.\d+\S*\n$/,
    lacks: () => lacks("python3"),
  },
  { name: "go-hello", answer: /^Hello from go1\.\d+\S*\n$/, lacks: () => lacks("go") },
  { name: "static-site", answer: /<h1>Hello from files<\/h1>/, lacks: nothing },
  { name: "docker-hello", answer: /^Hello from a Dockerfile\n$/, lacks: () => lacks("podman") },
];

function skipWithout(context: TestContext, note: string | null): void {
  if (note !== null) context.skip(note);
}

describe.concurrent("an example that is pushed", () => {
  test.for(EXAMPLES)("$name is built and answers itself", async (example, context) => {
    skipWithout(context, await example.lacks());
    const deployment = await pushToHealthy(example.name);
    expect(deployment.imageDigest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(deployment.url).toBe(`http://${platform.hostOf(example.name)}`);
    expect(await platform.get(example.name)).toMatchObject({
      status: 200,
      body: expect.stringMatching(example.answer),
    });
  });
});

test("a single-page app answers its page for every route, and 404 for a file that is missing", async () => {
  const page = await platform.get("static-site", "/a/route/of/the/app");
  expect(page).toMatchObject({ status: 200, body: expect.stringContaining("Hello from files") });
  expect(await platform.get("static-site", "/missing.js")).toMatchObject({ status: 404 });
});

interface BrokenExample {
  readonly name: string;
  readonly code: string;
  /** Each matches one line of the failure's details. */
  readonly details: readonly RegExp[];
}

const BROKEN: readonly BrokenExample[] = [
  {
    name: "broken-config",
    code: "config-invalid",
    details: [/app\.name/, /app\.runtime/, /scaling\.max_replicas|scaling\.min_replicas/],
  },
  {
    name: "broken-build",
    code: "build-failed",
    details: [/exit code 3|exited with 3|status 3/i, /cannot find module 'missing-module'/],
  },
  {
    name: "broken-crash",
    code: "crash-at-start",
    details: [/exit code 7|code 7/i, /FATAL: DATABASE_URL is not set/],
  },
  {
    name: "broken-unhealthy",
    code: "never-healthy",
    details: [/\b500\b/],
  },
  {
    name: "broken-memory",
    code: "out-of-memory",
    details: [/killed for using more memory than it may/, /taking memory/],
  },
];

describe.concurrent("a broken example that is pushed", () => {
  test.for(BROKEN)("$name fails with $code and its cause in words", async (example) => {
    const { id, state, failure } = await push(example.name);
    expect(state).toBe("failed");
    expect(failure).toMatchObject({ code: example.code });
    const words = failure?.details.join("\n") ?? "";
    expect(example.details.map((detail) => detail.exec(words) ?? words)).toEqual(
      example.details.map(() => expect.any(Array)),
    );
    const transitions = await platform.apiGet(`/deployments/${id}/transitions`);
    expect(transitions.body.items.at(-1)).toMatchObject({ to: "failed", by: "fail" });
    // Nothing of it is served: the project never had a healthy release.
    expect((await platform.get(example.name)).status).toBe(503);
  });
});

test("every error of a deploy.toml is shown with its place", async () => {
  const [deployment] = await platform.deployments("broken-config");
  const places = deployment?.failure?.details.filter((line) => line.includes("-->"));
  expect(places).toEqual([
    " --> deploy.toml:3:8",
    " --> deploy.toml:4:11",
    " --> deploy.toml:8:16",
  ]);
});

test("no deployment was ever written with the owner's credential", async () => {
  const { firestore } = await platform.info();
  const writes = Object.entries(firestore?.["ownerWrites"] ?? {});
  expect(writes.length).toBeGreaterThan(0); // the seed writes with it, so the count is real
  expect(writes.filter(([place]) => place.startsWith("deployments"))).toEqual([]);
});
