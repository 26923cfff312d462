import { createHmac } from "node:crypto";
import { newProject } from "@bifrost/shared/testing/fixtures";
import { describe, expect, it } from "vitest";
import { TestPlatform } from "../testing/test-platform.ts";
import { githubWebhookService } from "./handler.ts";
import { hasValidSignature } from "./signature.ts";

const SECRET = "webhook-secret";
const SHA = "c".repeat(40);

const push = (changes: object = {}) => ({
  ref: "refs/heads/main",
  after: SHA,
  repository: { full_name: "local/app" },
  head_commit: { message: "Add cart", author: { name: "Ada" } },
  pusher: { name: "ada" },
  ...changes,
});

function sign(body: string, secret = SECRET): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}

interface Delivery {
  readonly body?: string;
  readonly id?: string | null;
  readonly event?: string;
  readonly signature?: string | null;
}

function deliver(platform: TestPlatform, delivery: Delivery = {}): Promise<Response> {
  const { body = JSON.stringify(push()), id = "d1", event = "push" } = delivery;
  const { signature = sign(body) } = delivery;
  const headers = new Headers({ "x-github-event": event });
  if (id !== null) headers.set("x-github-delivery", id);
  if (signature !== null) headers.set("x-hub-signature-256", signature);
  const request = new Request("http://f.test/", { method: "POST", headers, body });
  return githubWebhookService(platform.ports)(request);
}

/** Ports of which not even a property may be looked at, but the configuration. */
function untouchable({ ports }: TestPlatform): TestPlatform["ports"] {
  return new Proxy(ports, {
    get(target, name) {
      if (name === "config") return target.config;
      throw new Error(`port ${String(name)} was touched`);
    },
  });
}

describe("a push", () => {
  it("to the branch that deploys becomes a queued deployment", async () => {
    const platform = new TestPlatform();
    const answer = await deliver(platform);
    expect(answer.status).toBe(201);
    const body = (await answer.json()) as { deployment: never; number: number };
    expect(body.number).toBe(1);
    expect(await platform.read(body.deployment)).toMatchObject({
      state: "queued",
      trigger: "push",
      branch: "main",
      commit: { sha: SHA, message: "Add cart", author: "Ada" },
      createdBy: "ada",
    });
  });

  it("delivered again answers the same and creates nothing", async () => {
    const platform = new TestPlatform();
    const first = (await (await deliver(platform)).json()) as object;
    const second = await deliver(platform);
    expect(await second.json()).toEqual({ ...first, repeated: true });
    const project = newProject();
    expect(await platform.deployments.listByProject(project.id, { limit: 9 })).toHaveLength(1);
  });

  it("delivered twice at once creates one deployment", async () => {
    const platform = new TestPlatform();
    const answers = await Promise.all([deliver(platform), deliver(platform), deliver(platform)]);
    const bodies = (await Promise.all(answers.map((answer) => answer.json()))) as {
      deployment: string;
    }[];
    expect(new Set(bodies.map((body) => body.deployment)).size).toBe(1);
  });

  it("and another one create two, numbered in turn, when they come at once", async () => {
    const platform = new TestPlatform();
    const ids = Array.from({ length: 10 }, (_, at) => `d${at}`);
    const answers = await Promise.all(ids.map((id) => deliver(platform, { id })));
    const bodies = (await Promise.all(answers.map((answer) => answer.json()))) as {
      number: number;
    }[];
    const numbers = bodies.map((body) => body.number).toSorted((one, other) => one - other);
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it("that was forced deploys what the branch points at now", async () => {
    const body = JSON.stringify(push({ forced: true }));
    expect((await deliver(new TestPlatform(), { body })).status).toBe(201);
  });

  it.each([
    ["of a tag", { ref: "refs/tags/v1" }, /not a branch/],
    ["that deletes the branch", { deleted: true, after: "0".repeat(40) }, /was deleted/],
    ["to another branch", { ref: "refs/heads/topic" }, /main is/],
    ["to an unknown repository", { repository: { full_name: "x/y" } }, /no project is registered/],
    ["without a commit", { after: "abc" }, /names no commit/],
  ])("%s is acknowledged and ignored, with the reason", async (_, changes, why) => {
    const platform = new TestPlatform();
    const answer = await deliver(platform, { body: JSON.stringify(push(changes)) });
    expect(answer.status).toBe(202);
    expect(((await answer.json()) as { ignored: string }).ignored).toMatch(why);
    expect(await platform.deployments.listByProject(newProject().id, { limit: 9 })).toEqual([]);
  });

  it.each([
    ["is not JSON", "{"],
    ["lacks what a push has", JSON.stringify({ ref: "refs/heads/main" })],
    ["is a list", "[]"],
  ])("whose body %s is refused", async (_, body) => {
    const refused = deliver(new TestPlatform(), { body });
    await expect(refused).rejects.toMatchObject({ code: "bad-request" });
  });

  it("larger than GitHub makes them is refused", async () => {
    const refused = deliver(new TestPlatform(), { body: " ".repeat(25 * 1024 * 1024 + 1) });
    await expect(refused).rejects.toMatchObject({ code: "body-too-large" });
  });

  it("without a delivery id is refused", async () => {
    const refused = deliver(new TestPlatform(), { id: null });
    await expect(refused).rejects.toMatchObject({ code: "bad-request" });
  });
});

describe("other events", () => {
  it("ping is answered", async () => {
    const answer = await deliver(new TestPlatform(), { event: "ping", body: "{}" });
    expect([answer.status, await answer.json()]).toEqual([200, { pong: true }]);
  });

  it("issues are acknowledged and ignored", async () => {
    const answer = await deliver(new TestPlatform(), { event: "issues", body: "{}" });
    expect(answer.status).toBe(202);
  });
});

describe("a signature", () => {
  const body = JSON.stringify(push());

  it.each<[string, string | null]>([
    ["missing", null],
    ["empty", ""],
    ["made with another secret", sign(body, "guess")],
    ["of another body", sign("{}")],
    ["of another algorithm", sign(body).replace("sha256=", "sha1=")],
    ["in upper case", sign(body).toUpperCase()],
    ["shortened", sign(body).slice(0, -1)],
    ["lengthened", `${sign(body)}0`],
    ["not even ASCII", `sha256=${"é".repeat(32)}`],
  ])("%s is refused before a single port is touched", async (_, signature) => {
    const ports = untouchable(new TestPlatform());
    const headers = new Headers({ "x-github-event": "push", "x-github-delivery": "d1" });
    if (signature !== null) headers.set("x-hub-signature-256", signature);
    const request = new Request("http://f.test/", { method: "POST", headers, body });
    const refused = githubWebhookService(ports)(request);
    await expect(refused).rejects.toMatchObject({ code: "bad-signature", status: 401 });
  });

  it("is made over the bytes, not over text that reads the same", () => {
    const bytes = new TextEncoder().encode('{"a":"\u00e9"}');
    const header = `sha256=${createHmac("sha256", SECRET).update(bytes).digest("hex")}`;
    expect(hasValidSignature(bytes, header, SECRET)).toBe(true);
    const respelled = new TextEncoder().encode('{"a":"e\u0301"}');
    expect(hasValidSignature(respelled, header, SECRET)).toBe(false);
  });
});
