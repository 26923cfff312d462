/** What plain git shows and what each kind of push does, and what the webhook behind it refuses. */
import { createHmac, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { App } from "../support/app.ts";
import { nodeApp } from "../support/folders.ts";
import { type PlatformUnderTest, startPlatform } from "../support/platform.ts";

let platform: PlatformUnderTest;
let app: App;

/** Deployments are counted here, never waited for: the config is one that fails while it is read. */
const INVALID = { ...nodeApp("site"), "deploy.toml": "[app]\n" };

beforeAll(async () => {
  platform = await startPlatform();
  app = await App.create(platform, "site", nodeApp("site"));
  await app.repository.commit("quick to fail", INVALID);
});
afterAll(() => platform.stop());

async function count(): Promise<number> {
  return (await platform.deployments("site")).length;
}

/** What git prints on standard error for a push that succeeds. */
async function remoteLines(...refs: readonly string[]): Promise<string> {
  const { code, stderr } = await app.repository.try("push", "bifrost", ...refs);
  if (code !== 0) throw new Error(stderr);
  return stderr
    .split("\n")
    .filter((line) => line.startsWith("remote:"))
    .map((line) => line.slice("remote: ".length).trimEnd())
    .join("\n");
}

describe("a push", () => {
  test("to the branch that deploys says where to look", async () => {
    const shown = await remoteLines("main");
    const { id, number } = await app.deploymentOfHead();
    expect(shown).toBe(
      `Bifrost: deployment ${number} of site is queued.\nWatch it: bifrost logs -f ${id}`,
    );
  });

  test("of nothing new creates nothing", async () => {
    const before = await count();
    expect(await remoteLines("main")).toBe("");
    expect(await count()).toBe(before);
  });

  test("of another branch or of a tag is taken, and says that it deploys nothing", async () => {
    const before = await count();
    expect(await remoteLines("HEAD:refs/heads/feature")).toBe(
      "Bifrost: nothing to deploy, feature is not the branch that deploys; main is.",
    );
    await app.repository.git("tag", "v1");
    expect(await remoteLines("v1")).toBe(
      "Bifrost: nothing to deploy, refs/tags/v1 is not a branch.",
    );
    expect(await count()).toBe(before);
    expect(await app.repository.git("ls-remote", "bifrost")).toMatch(
      /refs\/heads\/feature[^]*refs\/tags\/v1/,
    );
  });

  test("that deletes a branch harms nothing", async () => {
    const before = await count();
    expect(await remoteLines("HEAD:refs/heads/passing")).toMatch(/nothing to deploy/);
    expect(await remoteLines(":refs/heads/passing")).toBe(
      "Bifrost: nothing to deploy, branch passing was deleted.",
    );
    expect(await count()).toBe(before);
  });

  test("that is forced deploys what the branch points at now", async () => {
    await app.repository.commit("one");
    await remoteLines("main");
    await app.repository.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "another one");
    const refused = await app.repository.try("push", "bifrost", "main");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/rejected/);
    const shown = await remoteLines("--force", "main");
    expect(shown).toMatch(/is queued/);
    expect(await app.deploymentOfHead()).toMatchObject({
      commit: { message: expect.stringMatching(/^another one/) },
      trigger: "push",
    });
  });

  test("of the branch and others at once deploys once", async () => {
    const before = await count();
    await app.repository.commit("with company");
    const shown = await remoteLines("main", "HEAD:refs/heads/company");
    expect(shown).toMatch(/is queued/);
    expect(shown).toMatch(/company is not the branch that deploys/);
    expect(await count()).toBe(before + 1);
  });

  test("without credentials, or with wrong ones, is refused", async () => {
    const before = await count();
    const address = `127.0.0.1:${platform.port + 2}/local/site.git`;
    await app.repository.commit("by a stranger");
    const none = await app.repository.try("push", `http://${address}`, "main");
    expect(none.code).toBe(128);
    expect(none.stderr).toMatch(/could not read Username|Authentication failed/);
    const wrong = await app.repository.try("push", `http://bifrost:bfk_wrong@${address}`, "main");
    expect(wrong.code).toBe(128);
    expect(wrong.stderr).toMatch(/403|Authentication failed/);
    const other = await app.repository.try(
      "push",
      `http://bifrost:${platform.apiKey}@127.0.0.1:${platform.port + 2}/someone/else.git`,
      "main",
    );
    expect(other.code).toBe(128);
    expect(await count()).toBe(before);
    expect(await remoteLines("main")).toMatch(/is queued/);
  });

  test("to a repository without a project says so", async () => {
    const url = `http://bifrost:${platform.apiKey}@127.0.0.1:${platform.port + 2}/local/nobody.git`;
    const { code, stderr } = await app.repository.try("push", url, "main");
    expect(code).toBe(0);
    expect(stderr).toMatch(/nothing to deploy, no project/);
  });
});

async function pushBody(): Promise<string> {
  const after = await app.repository.git("rev-parse", "HEAD");
  return JSON.stringify({
    ref: "refs/heads/main",
    after,
    repository: { full_name: "local/site" },
    head_commit: { message: "by hand", author: { name: "Ada" } },
    pusher: { name: "ada" },
  });
}

describe("the webhook", () => {
  interface Delivery {
    readonly body: string;
    readonly secret: string;
    readonly id: string;
  }

  async function deliver({ body, secret, id }: Delivery) {
    const signature = createHmac("sha256", secret).update(body).digest("hex");
    const response = await fetch(`${platform.address(1)}/github-webhook`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-github-event": "push",
        "x-github-delivery": id,
        "x-hub-signature-256": `sha256=${signature}`,
      },
      body,
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  test("refuses a wrong signature and creates nothing", async () => {
    const before = await count();
    const delivery = { body: await pushBody(), secret: "guess", id: randomUUID() };
    expect(await deliver(delivery)).toMatchObject({ status: 401, body: { code: "bad-signature" } });
    expect(await count()).toBe(before);
  });

  test("refuses a body that was changed after it was signed", async () => {
    const before = await count();
    const body = await pushBody();
    const secret = platform.secret("githubWebhookSecret");
    const signature = createHmac("sha256", secret).update(body).digest("hex");
    const response = await fetch(`${platform.address(1)}/github-webhook`, {
      method: "POST",
      headers: {
        "x-github-event": "push",
        "x-github-delivery": randomUUID(),
        "x-hub-signature-256": `sha256=${signature}`,
      },
      body: body.replace("by hand", "by theft"),
    });
    expect(response.status).toBe(401);
    expect(await count()).toBe(before);
  });

  test("creates one deployment for a delivery that arrives often", async () => {
    const before = await count();
    const secret = platform.secret("githubWebhookSecret");
    const delivery = { body: await pushBody(), secret, id: randomUUID() };
    const atOnce = await Promise.all([deliver(delivery), deliver(delivery), deliver(delivery)]);
    const later = await deliver(delivery);
    const ids = new Set([...atOnce, later].map(({ body }) => body["deployment"]));
    expect(ids.size).toBe(1);
    expect(later).toMatchObject({ status: 200, body: { repeated: true } });
    expect(await count()).toBe(before + 1);
  });
});
