import type { PolicyDetails, PolicyVersionView } from "@bifrost/shared/api/policies";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { hastyTimers } from "@bifrost/shared/testing/hasty-timers";
import { describe, expect, it, test } from "vitest";
import { awaitVerdict, printVerdict } from "./await-verdict.ts";
import { placed } from "./commands/policy-attach.ts";
import { followPolicyLogs } from "./commands/policy-logs.ts";
import type { Output } from "./output.ts";

const AT = "2026-01-01T00:00:00.000Z";
const VERSION: PolicyVersionView = {
  version: 2,
  hash: "a".repeat(64),
  bytes: 10,
  hasTest: true,
  createdAt: AT,
  by: "ada",
  verdict: "pending",
  report: [],
  checkedAt: null,
};

function plain(text: string): string {
  return text;
}

function batch(id: string, text: string) {
  return { id, lines: [{ at: AT, version: 1, text }] };
}

function captured() {
  const lines: string[] = [];
  const notes: string[] = [];
  const output: Output = {
    json: false,
    data: () => undefined,
    line: (text = "") => void lines.push(text),
    note: (text) => void notes.push(text),
    table: () => undefined,
    paint: { dim: plain, bold: plain, red: plain, state: plain },
  };
  return { output, lines, notes };
}

function policyWith(...versions: PolicyVersionView[]): PolicyDetails {
  return {
    name: "limits",
    kind: "request",
    scope: "team",
    activeVersion: null,
    newestVersion: 2,
    fault: null,
    about: null,
    updatedAt: AT,
    formerVersions: [],
    history: [],
    versions,
  };
}

/** Waits for the verdict on version 2; `answers` are what the API says one after the other, the last one for ever. */
async function wait(answers: readonly PolicyDetails[], timeoutMs = 60_000) {
  let asked = 0;
  const policy = async () => {
    const answer = answers[Math.min(asked++, answers.length - 1)];
    if (answer === undefined) throw new Error("no answer");
    return answer;
  };
  return { ...(await waitFor(policy, timeoutMs)), asked };
}

async function waitFor(policy: () => Promise<PolicyDetails>, timeoutMs = 60_000) {
  const { output, notes } = captured();
  const options = { client: { policy }, output, name: "limits", version: VERSION, timeoutMs };
  const version = await awaitVerdict({ ...options, timers: hastyTimers() });
  return { version, notes };
}

async function noAnswer(): Promise<never> {
  throw new BifrostError("upstream-unavailable", "no answer");
}

describe("waiting for the verdict", () => {
  const passed = { ...VERSION, verdict: "passed" as const, report: ["2 tests passed"] };

  it("asks until it is there, and only for its own version", async () => {
    const other = { ...VERSION, version: 3, verdict: "failed" as const };
    const waiting = policyWith(other, VERSION);
    const found = await wait([waiting, waiting, policyWith(other, passed)]);
    expect(found).toMatchObject({ version: passed, asked: 3, notes: [] });
  });

  it("says now and then that it waits, and ends without a verdict", async () => {
    const found = await wait([policyWith(VERSION)], 12_000);
    expect(found.version.verdict).toBe("pending");
    expect(found.notes).toHaveLength(2);
    expect(found.notes[0]).toMatch(/Waiting for a gateway/);
  });

  it("waits over failures to reach the API, and gives up when they last", async () => {
    let asked = 0;
    const answer = async () => {
      return ++asked % 20 === 0 ? policyWith(passed) : noAnswer();
    };
    expect((await waitFor(answer)).version).toEqual(passed);
    await expect(waitFor(noAnswer)).rejects.toMatchObject({ code: "upstream-unavailable" });
  });

  it("ends when the version is gone", async () => {
    await expect(wait([policyWith()])).rejects.toMatchObject({ code: "not-found" });
  });
});

test("a failed check is shown with script, line and stack", () => {
  const { output, lines } = captured();
  const report = ["limits_test.lua:3: expected deny\n  in test_limit", "1 of 2 tests failed"];
  printVerdict(output, "limits", { ...VERSION, verdict: "failed", report });
  expect(lines).toEqual([
    "✗ version 2 of limits failed its check",
    "  │ limits_test.lua:3: expected deny",
    "  │   in test_limit",
    "  │ 1 of 2 tests failed",
  ]);
});

/** Follows an API that always refuses like this; answers how often it was asked. */
async function askedUntil(code: "upstream-unavailable" | "not-found"): Promise<number> {
  let asked = 0;
  const policyLogs = async () => {
    asked++;
    throw new BifrostError(code, "no");
  };
  const { signal } = new AbortController();
  const options = { client: { policyLogs }, output: captured().output, name: "x", signal };
  const outcome = followPolicyLogs({ ...options, timers: hastyTimers() });
  await expect(outcome).rejects.toMatchObject({ code });
  return asked;
}

describe("following a policy's log", () => {
  it("goes on where it was, over failures, until it is interrupted", async () => {
    const { output, lines } = captured();
    const asked: (string | null)[] = [];
    const interrupt = new AbortController();
    const answers = [
      () => ({ items: [batch("1", "one")], nextCursor: "1" }),
      () => {
        throw new BifrostError("upstream-unavailable", "no answer");
      },
      () => ({ items: [], nextCursor: "1" }),
      () => {
        interrupt.abort();
        return { items: [batch("2", "two\nlines")], nextCursor: "2" };
      },
    ];
    const policyLogs = async (_name: string, cursor: string | null) => {
      asked.push(cursor);
      const answer = answers[asked.length - 1];
      if (answer === undefined) throw new Error("asked too often");
      return answer();
    };
    const { signal } = interrupt;
    const options = { client: { policyLogs }, output, name: "limits", signal };
    const code = await followPolicyLogs({ ...options, timers: hastyTimers() });
    expect(code).toBe(130);
    expect(asked).toEqual([null, "1", "1", "1"]);
    expect(lines).toEqual([`${AT} v1 │ one`, `${AT} v1 │ two`, `${AT} v1 │ lines`]);
  });

  it("gives up when the API stays away, and at once when it refuses", async () => {
    expect(await askedUntil("upstream-unavailable")).toBe(21);
    expect(await askedUntil("not-found")).toBe(1);
  });
});

describe("attaching", () => {
  const [one, two, three] = ["one", "two", "three"].map((policy) => ({ policy, config: {} }));
  const before = [one, two, three].flatMap((attachment) => attachment ?? []);
  const names = (policy: string, position: number | null) =>
    placed(before, { policy, config: { rate: 1 } }, position).map((found) => found.policy);

  it.each<[string, number | null, readonly string[]]>([
    ["new", null, ["one", "two", "three", "new"]],
    ["new", 1, ["new", "one", "two", "three"]],
    ["new", 3, ["one", "two", "new", "three"]],
    ["new", 99, ["one", "two", "three", "new"]],
    ["two", null, ["one", "two", "three"]],
    ["three", 1, ["three", "one", "two"]],
    ["one", 3, ["two", "three", "one"]],
  ])("%s at %j gives %j", (policy, position, expected) => {
    expect(names(policy, position)).toEqual(expected);
  });

  it("again replaces the settings", () => {
    const after = placed(before, { policy: "two", config: { rate: 1 } }, null);
    expect(after[1]).toEqual({ policy: "two", config: { rate: 1 } });
  });
});
