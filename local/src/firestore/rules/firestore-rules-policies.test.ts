/** firestore.rules: what the gateway may write about policies by itself, and how versions begin. */
import { describe, expect, test } from "vitest";
import { OLD, PROJECT_PATH, productRules, worldIn } from "./lifecycle-world.ts";
import { NOW, RulesWorld, service, type Fields } from "./rules-world.ts";

const PATH = "policies/limit";
const GATEWAY = service("gateway");

const LINE = { at: OLD, what: "activate", version: 3, by: "ada", why: null };
const STORED = {
  name: "limit",
  kind: "request",
  teamId: "team1",
  activeVersion: 3,
  formerVersions: [1, 2],
  nextVersion: 4,
  fault: null,
  history: [LINE],
  updatedAt: OLD,
};
const TOLD = { at: OLD, what: "reverted", version: 3, by: "gateway", why: "out of time" };
/** The one revert that is due. */
const REVERT = {
  activeVersion: 2,
  formerVersions: [1],
  fault: "out of time",
  history: [LINE, TOLD],
  updatedAt: NOW,
};

function mayRevert(stored: Fields, change: Fields, by = GATEWAY): boolean {
  const world = new RulesWorld(productRules);
  world.put(PATH, { ...STORED, ...stored });
  return world.commit(by, [{ merge: PATH, fields: { ...REVERT, ...change } }]).allowed;
}

describe("the gateway's own revert", () => {
  test("goes back to the last former version and says why", () => {
    expect(mayRevert({}, {})).toBe(true);
    expect(mayRevert({}, {}, service("collector"))).toBe(false);
  });

  test.each<[string, Fields]>([
    ["skips a version", { activeVersion: 1, formerVersions: [] }],
    ["goes to a version that never served", { activeVersion: 7 }],
    ["stays where it was", { activeVersion: 3 }],
    ["keeps the version among the former ones", { formerVersions: [1, 2] }],
    ["forgets a former one", { formerVersions: [] }],
    ["disables although there is a former one", { activeVersion: null, formerVersions: [] }],
    ["gives no fault", { fault: null }],
    ["sets its own time", { updatedAt: OLD }],
    ["changes the owner", { teamId: null }],
    ["takes a number", { nextVersion: 5 }],
    ["says nothing", { history: [LINE] }],
    ["says it twice", { history: [LINE, TOLD, TOLD] }],
    ["rewrites the history", { history: [{ ...LINE, by: "eve" }, TOLD] }],
    ["signs as another", { history: [LINE, { ...TOLD, by: "api" }] }],
    ["names another version", { history: [LINE, { ...TOLD, version: 2 }] }],
    ["calls it something else", { history: [LINE, { ...TOLD, what: "activate" }] }],
    ["calls it disabled", { history: [LINE, { ...TOLD, what: "disabled" }] }],
    ["gives no reason", { history: [LINE, { ...TOLD, why: null }] }],
    ["gives no time", { history: [LINE, { ...TOLD, at: "now" }] }],
    ["adds a field to the line", { history: [LINE, { ...TOLD, extra: 1 }] }],
  ])("is refused when it %s", (_what, change) => {
    expect(mayRevert({}, change)).toBe(false);
  });

  test("disables what has no former version, and only that", () => {
    const disabled = { ...TOLD, what: "disabled" };
    const off = { activeVersion: null, formerVersions: [], history: [LINE, disabled] };
    expect(mayRevert({ formerVersions: [] }, off)).toBe(true);
    expect(mayRevert({ formerVersions: [] }, { ...off, formerVersions: [1] })).toBe(false);
    expect(mayRevert({ formerVersions: [] }, { ...off, history: [LINE, TOLD] })).toBe(false);
    const idle = { activeVersion: null, formerVersions: [] };
    const tellsOfNone = [LINE, { ...disabled, version: null }];
    expect(mayRevert(idle, { ...off, history: tellsOfNone })).toBe(false);
  });

  test("drops the oldest line of a full history, and no other", () => {
    const full = Array.from({ length: 200 }, (_, at) => ({ ...LINE, version: at }));
    const moved = [...full.slice(1), TOLD];
    expect(mayRevert({ history: full }, { history: moved })).toBe(true);
    expect(mayRevert({ history: full }, { history: [...full, TOLD] })).toBe(false);
    expect(mayRevert({ history: full }, { history: [...full.slice(2), TOLD] })).toBe(false);
  });
});

describe("a version", () => {
  const PENDING = { version: 1, hash: "h", verdict: "pending", report: [], checkedAt: null };
  const VERSION = `${PATH}/versions/1`;

  const mayWrite = (by: string, stored: Fields | null, fields: Fields): boolean => {
    const world = worldIn("queued");
    if (stored !== null) world.put(VERSION, stored);
    return world.commit(service(by), [{ merge: VERSION, fields }]).allowed;
  };

  test.each<[string, Fields, boolean]>([
    ["waiting for its check", {}, true],
    ["passed already", { verdict: "passed" }, false],
    ["under another number", { version: 2 }, false],
  ])("begins %s: %j is %j", (_what, change, expected) => {
    expect(mayWrite("api", null, { ...PENDING, ...change })).toBe(expected);
  });

  const PASSED = { verdict: "passed", report: ["1 test"], checkedAt: OLD };
  test.each<[string, Fields, Fields, boolean]>([
    ["passes", PENDING, PASSED, true],
    ["fails", PENDING, { ...PASSED, verdict: "failed" }, true],
    ["is judged again", { ...PENDING, verdict: "failed" }, PASSED, false],
    ["gets another source", PENDING, { ...PASSED, hash: "other" }, false],
    ["is called fine", PENDING, { ...PASSED, verdict: "fine" }, false],
    ["gets a report that is none", PENDING, { ...PASSED, report: "fine" }, false],
    ["is checked at no time", PENDING, { ...PASSED, checkedAt: 1 }, false],
  ])("%s by the gateway: %j, %j is %j", (_what, stored, change, expected) => {
    expect(mayWrite("gateway", stored, change)).toBe(expected);
    expect(mayWrite("api", stored, change)).toBe(false);
  });
});

describe("what scripts log", () => {
  const OUTPUT = { id: "7", lines: [], expireAt: new Date("2100-01-01T00:00:00Z") };
  test.each<[Fields, boolean]>([
    [{}, true],
    [{ id: "8" }, false],
    [{ lines: "x" }, false],
    [{ expireAt: 1 }, false],
    [{ expireAt: OLD }, false],
    [{ extra: 1 }, false],
  ])("%j is %j", (change, expected) => {
    const world = worldIn("queued");
    const fields = { ...OUTPUT, ...change };
    expect(world.commit(GATEWAY, [{ set: `${PATH}/output/7`, fields }]).allowed).toBe(expected);
  });
});

test.each<[unknown, boolean]>([
  [[{ policy: "limit", config: {} }], true],
  [[], true],
  ["limit", false],
])("a project's policies are a list: %j is %j", (policies, expected) => {
  const world = worldIn("queued");
  const fields = { policies, updatedAt: NOW };
  const edit = world.commit(service("api"), [{ merge: PROJECT_PATH, fields }]);
  expect(edit.allowed).toBe(expected);
});
