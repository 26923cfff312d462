import { describe, expect, it } from "vitest";
import { TestPlatform } from "../testing/test-platform.ts";
import { decideClaim } from "./claim-execution.ts";
import { createValidate } from "./handler.ts";

describe("validate", () => {
  it("moves to validating and keeps the checked config as the deployment's snapshot", async () => {
    const platform = new TestPlatform();
    const { id } = platform.deployment();
    const call = { deploymentId: id, attempt: 1, execution: "e1" };
    const answer = await createValidate(platform.ports)(call);
    expect(answer).toEqual({ state: "validating", valid: true });
    const note = await platform.deployments.readNote(id, "snapshot/config");
    expect(note?.value).toMatchObject({ attempt: 1, settings: { namespacePrefix: "app-" } });
    expect((await platform.read(id)).configHash).toMatch(/^(sha256:)?[0-9a-f]{64}$/);
  });

  it("called again by the same execution changes nothing and answers the same", async () => {
    const platform = new TestPlatform();
    const { id } = platform.deployment();
    const validate = createValidate(platform.ports);
    const call = { deploymentId: id, attempt: 1, execution: "e1" };
    const first = await validate(call);
    const stored = await platform.deployments.read(id);
    platform.file = null; // not even looked at a second time
    expect(await validate(call)).toEqual(first);
    expect(await platform.deployments.read(id)).toEqual(stored);
  });

  it("lets a second execution of the same attempt end quietly", async () => {
    const platform = new TestPlatform();
    const { id } = platform.deployment();
    const validate = createValidate(platform.ports);
    await validate({ deploymentId: id, attempt: 1, execution: "e1" });
    const second = validate({ deploymentId: id, attempt: 1, execution: "e2" });
    await expect(second).rejects.toMatchObject({ code: "execution-superseded", status: 409 });
  });

  it("gives an attempt to exactly one of many executions that come at once", async () => {
    const platform = new TestPlatform();
    const { id } = platform.deployment();
    const validate = createValidate(platform.ports);
    const calls = ["e1", "e2", "e3", "e4"].map((execution) =>
      validate({ deploymentId: id, attempt: 1, execution }),
    );
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await platform.deployments.transitions(id)).toHaveLength(1);
  });

  it("refuses a call for an earlier attempt", async () => {
    const platform = new TestPlatform();
    const { id } = platform.deployment({ attempt: 2 });
    const stale = createValidate(platform.ports)({ deploymentId: id, attempt: 1 });
    await expect(stale).rejects.toMatchObject({ code: "stale-attempt" });
  });

  it("keeps every error of deploy.toml, with its lines", async () => {
    const platform = new TestPlatform();
    const { id } = platform.deployment();
    platform.file = new TextEncoder().encode('[app]\nname = 1\nruntime = "cobol"\n');
    const answer = await createValidate(platform.ports)({ deploymentId: id, attempt: 1 });
    expect(answer).toMatchObject({ valid: false, reason: "config-invalid" });
    const note = await platform.deployments.readNote(id, "snapshot/diagnostics");
    expect(note?.value["rendered"]).toContain("cobol");
    expect(note?.value["diagnostics"]).toHaveLength(2);
    expect(await platform.deployments.readNote(id, "snapshot/config")).toBeNull();
  });

  it("says so when the commit has no deploy.toml", async () => {
    const platform = new TestPlatform();
    const { id } = platform.deployment();
    platform.file = null;
    const answer = await createValidate(platform.ports)({ deploymentId: id, attempt: 1 });
    expect(answer).toMatchObject({ valid: false, reason: "config-missing" });
  });

  it("of a rollback copies the snapshot of the release it goes back to", async () => {
    const platform = new TestPlatform();
    const origin = platform.deployment({ state: "healthy", configHash: "hash-of-origin" });
    await platform.snapshot(origin);
    const { id } = platform.deployment({
      id: "depbbbbbbbbbbb" as typeof origin.id,
      number: 2,
      source: { kind: "rollback", rollbackOf: origin.id },
    });
    platform.file = null;
    const answer = await createValidate(platform.ports)({ deploymentId: id, attempt: 1 });
    expect(answer).toMatchObject({ valid: true });
    expect((await platform.read(id)).configHash).toBe("hash-of-origin");
    const [copy, original] = await Promise.all([
      platform.deployments.readNote(id, "snapshot/config"),
      platform.deployments.readNote(origin.id, "snapshot/config"),
    ]);
    expect(copy?.value).toEqual(original?.value);
  });
});

describe("decideClaim", () => {
  const claim = { attempt: 2, execution: "mine" };

  it.each([
    ["nobody", {}],
    ["an earlier attempt's execution", { attempt: 1, execution: "old", released: false }],
    ["an execution that reap found lost", { attempt: 2, execution: "old", released: true }],
  ])("takes over from %s", (_, note) => {
    expect(decideClaim(note, claim)).toEqual({ ...claim, released: false });
  });

  it("has nothing to write when the claim is held already", () => {
    expect(decideClaim({ attempt: 2, execution: "mine", released: false }, claim)).toBeNull();
  });

  it("is refused while another execution holds it", () => {
    const note = { attempt: 2, execution: "other", released: false };
    expect(() => decideClaim(note, claim)).toThrow(
      expect.objectContaining({ code: "execution-superseded" }),
    );
  });
});
