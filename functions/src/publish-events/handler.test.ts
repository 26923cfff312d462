import { newDeployment } from "@bifrost/shared/testing/fixtures";
import { MOVES, type Move } from "@bifrost/shared/domain/lifecycle";
import { newFailure } from "@bifrost/shared/domain/failure";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { decideMove } from "@bifrost/shared/domain/transition";
import { describe, expect, it } from "vitest";
import { TestPlatform } from "../testing/test-platform.ts";
import { decideSuperseded } from "./decide-superseded.ts";
import { publishEventsService } from "./handler.ts";

function serve(platform: TestPlatform) {
  return publishEventsService(platform.ports, {
    verifier: platform.ports.callers,
    audience: "http://functions.test/publish-events",
    allowed: ["eventarc"],
  });
}

function event(document: string, token = "token-of-eventarc"): Request {
  return new Request("http://functions.test/publish-events", {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "ce-document": document },
    body: "whatever the event carries is not read",
  });
}

/** Makes the move and delivers its transition's event. */
async function afterMove(move: Move, changes: Partial<Deployment> = {}) {
  const platform = new TestPlatform();
  const { id } = platform.deployment({ state: move.from, ...changes });
  const current = await platform.deployments.read(id);
  if (current === null) throw new Error("not stored");
  const fields = move.to === "failed" ? { failure: newFailure("cancelled", move.from, []) } : {};
  const { attempt } = current.value;
  const request = { to: move.to, by: move.owner, attempt, fields, why: "because" };
  const decision = decideMove(current.value, request);
  if (decision.kind === "repeat") throw new Error("made already");
  await platform.deployments.move(current, decision);
  const deliver = () => serve(platform)(event(`deployments/${id}/transitions/000002`));
  return { platform, id, deliver, answer: await deliver() };
}

const moveTo = (from: string, to: string): Move => {
  const found = MOVES.find((move) => move.from === from && move.to === to);
  if (found === undefined) throw new Error(`${from} → ${to}`);
  return found;
};

describe("publish-events", () => {
  it.each(MOVES.map((move) => [`${move.from} → ${move.to}`, move] as const))(
    "publishes %s from what is stored",
    async (_, move) => {
      const { platform, id, answer } = await afterMove(move);
      expect(await answer.json()).toEqual({ published: 2 });
      const { from, to, owner: by } = move;
      expect(platform.published[0]).toMatchObject({
        topic: "deploy-events",
        message: { deploymentId: id, from, to, by, seq: 2, why: "because" },
      });
    },
  );

  it("asks for a build when building begins", async () => {
    const { platform, id } = await afterMove(moveTo("validating", "building"));
    const requests = platform.published.filter(({ topic }) => topic === "build-requests");
    expect(requests.map(({ message }) => message)).toEqual([{ deploymentId: id, attempt: 1 }]);
  });

  it.each<[string, Partial<Deployment>]>([
    ["an attempt that keeps its image", { imageDigest: `sha256:${"b".repeat(64)}` as never }],
    ["a rollback", { source: { kind: "rollback", rollbackOf: "depbbbbbbbbbbb" as never } }],
  ])("asks for no build of %s", async (_, changes) => {
    const { platform } = await afterMove(moveTo("validating", "building"), changes);
    expect(platform.published.map(({ topic }) => topic)).toEqual(["deploy-events"]);
  });

  it("starts the workflow of the attempt that was queued", async () => {
    const { platform, id } = await afterMove(moveTo("failed", "queued"));
    const args = { deploymentId: id, attempt: 2 };
    expect(platform.started).toEqual([{ workflow: "deployment", args }]);
  });

  it("starts none for a queued attempt that is over when the event comes late", async () => {
    const { platform, id, deliver } = await afterMove(moveTo("failed", "queued"));
    platform.deployment({ id, state: "queued", attempt: 3, seq: 4 });
    await deliver();
    expect(platform.started).toHaveLength(1);
  });

  it("cancels the older deployments that the queued one takes the place of", async () => {
    const platform = new TestPlatform();
    const old = platform.deployment({ state: "building" });
    const project = await platform.projects.read(old.projectId);
    if (project === null) throw new Error("no project");
    const { commit, branch, trigger, source, createdBy } = old;
    const counted = { ...project.value, nextNumber: 2 };
    platform.projects.put(counted);
    const current = await platform.projects.read(old.projectId);
    if (current === null) throw new Error("no project");
    const fields = { commit, branch, trigger, source, createdBy };
    const id = "depbbbbbbbbbbb" as typeof old.id;
    await platform.deployments.create(id, fields, current, "github-webhook");
    await serve(platform)(event(`deployments/${id}/transitions/000001`));
    const args = { deploymentId: old.id, attempt: 1, reason: "superseded" };
    expect(platform.started.filter(({ workflow }) => workflow === "cancel")).toEqual([
      { workflow: "cancel", args },
    ]);
  });

  it.each([
    ["failed", "queued", "pending"],
    ["building", "failed", "failure"],
    ["running", "healthy", "success"],
  ])("tells the source host of %s → %s: %s", async (from, to, state) => {
    const { platform } = await afterMove(moveTo(from, to));
    expect(platform.statuses.map((status) => status.state)).toEqual([state]);
  });

  it("is published although the source host cannot be told", async () => {
    const { platform, id } = await afterMove(moveTo("running", "healthy"));
    const service = publishEventsService(
      { ...platform.ports, sourceHost: () => Promise.reject(new Error("GitHub is down")) },
      { verifier: platform.ports.callers, audience: "x", allowed: ["eventarc"] },
    );
    const answer = await service(event(`deployments/${id}/transitions/000002`));
    expect(answer.status).toBe(200);
  });

  it.each(["", "deployments/x", "projects/proaaaaaaaaaaa", "deployments/A/transitions/000001"])(
    "refuses an event of the document %j",
    async (document) => {
      const refused = serve(new TestPlatform())(event(document));
      await expect(refused).rejects.toMatchObject({ code: "bad-request" });
    },
  );

  it("comes again for a transition that is not stored yet", async () => {
    const platform = new TestPlatform();
    const { id } = platform.deployment();
    const early = serve(platform)(event(`deployments/${id}/transitions/000009`));
    await expect(early).rejects.toMatchObject({ code: "not-found" });
  });

  it("does nothing for anyone but Eventarc", async () => {
    const platform = new TestPlatform();
    const call = serve(platform)(event("deployments/x/transitions/000001", "token-of-api"));
    await expect(call).rejects.toMatchObject({ code: "permission-denied" });
    expect(platform.published).toEqual([]);
  });
});

describe("decideSuperseded", () => {
  const newer = newDeployment({ number: 5 });
  const rollback = { kind: "rollback", rollbackOf: newer.id } as const;

  it.each<[string, Deployment, Partial<Deployment>, boolean]>([
    ["waits in the queue", newer, {}, true],
    ["is validated", newer, { state: "validating" }, true],
    ["is built", newer, { state: "building" }, true],
    ["has its image", newer, { state: "built" }, true],
    ["is being rolled out", newer, { state: "deploying" }, false],
    ["runs", newer, { state: "running" }, false],
    ["is live", newer, { state: "healthy" }, false],
    ["failed", newer, { state: "failed" }, false],
    ["is of another branch", newer, { branch: "other" }, false],
    ["is of another project", newer, { projectId: "probbbbbbbbbbb" as never }, false],
    ["is newer", newer, { number: 6 }, false],
    ["is the same", newer, { number: 5 }, false],
    ["is a rollback", newer, { source: rollback }, false],
    ["waits, but the newer one is a rollback", { ...newer, source: rollback }, {}, false],
  ])("an older deployment that %s", (_, subject, changes, superseded) => {
    expect(decideSuperseded(subject, [newDeployment({ number: 4, ...changes })])).toHaveLength(
      superseded ? 1 : 0,
    );
  });
});
