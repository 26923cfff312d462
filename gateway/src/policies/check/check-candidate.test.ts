import type { PolicyScript } from "@bifrost/shared/domain/policy";
import { expect, test } from "vitest";
import { loadLua } from "../../lua/lua-instance.ts";
import type { RecordedRequest } from "../../workers/request-ring.ts";
import type { Candidate } from "../policy-checker.ts";
import { checkCandidate } from "./check-candidate.ts";

const lua = await loadLua();

function script(source: string, version = 5, kind: PolicyScript["kind"] = "request"): PolicyScript {
  return { name: "limits", kind, version, source };
}

function recorded(target: string, method = "GET"): RecordedRequest {
  const headers = [["accept", "*/*"]] as const;
  return { method, target, host: "a.test", ip: "192.0.2.1", projectId: "p", headers, status: 200 };
}

function check(candidate: Partial<Candidate> & Pick<Candidate, "script">) {
  const phases: string[] = [];
  const result = checkCandidate({
    lua,
    candidate: { test: null, requests: [], inService: null, configs: [], ...candidate },
    onPhase: (phase) => phases.push(phase),
  });
  expect(lua.states.size).toBe(0);
  return { ...result, phases, text: result.report.join("\n") };
}

const DENY_ADMIN = `function on_request(req)
  if req.path == "/admin" then return deny(403) end
end`;

test("what a candidate decides of recorded requests is told beside the version in service", () => {
  const { passed, report, phases } = check({
    script: script(DENY_ADMIN),
    inService: script(`function on_request(req) if req.path == "/old" then deny(410) end end`, 4),
    requests: [recorded("/admin"), recorded("/"), recorded("/old"), recorded("/b?c=redacted")],
  });
  expect(passed).toBe(true);
  expect(report).toEqual([
    "it has no unit tests",
    "of 4 recorded requests: 3 forwarded, 1 denied",
    expect.stringMatching(/^time of a request: median [\d.]+ ms, at most [\d.]+ ms$/),
    "2 differ from version 4:",
    "  GET /admin was forwarded as /admin, now denied 403",
    "  GET /old was denied 410, now forwarded as /old",
  ]);
  expect(phases).toEqual(["load", "tests", "load", "canary"]);
});

test("a difference in headers alone is one", () => {
  const { passed, text } = check({
    script: script(`function on_request(req) req:set_header("a", "2") end`),
    inService: script(`function on_request(req) req:set_header("a", "1") end`, 4),
    requests: [recorded("/")],
  });
  expect(passed).toBe(true);
  expect(text).toContain(
    "1 differs from version 4:\n  GET / was forwarded as /, now forwarded as / with other headers or another body",
  );
});

test("none differs when the text is another and the decisions are the same", () => {
  const requests = [recorded("/admin"), recorded("/")];
  const inService = script(`${DENY_ADMIN} -- the same`, 4);
  expect(check({ script: script(DENY_ADMIN), inService, requests }).text).toContain(
    "none differs from version 4",
  );
});

test.each([
  ["does not compile", "function on_request( end", /^limits:1: .*expected near 'end'$/],
  ["has no handler", "x = 1", /^limits: has neither on_request nor on_response/],
  [
    "needs settings that nothing names",
    `error("setting users is missing")`,
    /limits:1: setting users is missing[^]*configure\{\.\.\.\}/,
  ],
  [
    "fails on a recorded request",
    `function on_request(req)\n  if req.method == "PUT" then local x = nil + 1 end\nend`,
    /2 failed[^]*limits:2: attempt to perform arithmetic on a nil value \(2 times\)\n {2}limits:2: in/,
  ],
  [
    "fails on a response",
    `function on_response(req, resp) local x = resp.nothing end`,
    /3 failed[^]*resp has no nothing/,
  ],
  [
    "runs for too long",
    `function on_request(req) while req.method == "PUT" do end end`,
    /limits:1: ran for more than 50 ms and was stopped \(2 times\)/,
  ],
])("a script that %s has failed", (_, source, message) => {
  const requests = [recorded("/a"), recorded("/b", "PUT"), recorded("/c", "PUT")];
  const { passed, text } = check({ script: script(source), requests });
  expect(text).toMatch(message);
  expect(passed).toBe(false);
});

test("a failed unit test fails the candidate and is told with script, line and stack", () => {
  const { passed, report } = check({
    script: script(DENY_ADMIN),
    test: `function test_good() end\nfunction test_bad() expect_equal(request{}.kind, "deny") end`,
  });
  expect(passed).toBe(false);
  expect(report).toEqual([
    "1 of 2 tests passed",
    'failed test_bad: limits_test:2: found "forward", wanted "deny"',
    "  limits_test:2: in function 'test_bad'",
    "ok test_good",
    "no request was recorded yet to be replayed",
  ]);
});

const WANTS_SETTINGS = `if not config.users then error("setting users is missing") end
function on_request(req) if req.path == config.path then deny(401) end end`;

test("a script that needs settings is replayed with those of its tests", () => {
  const { passed, text } = check({
    script: script(WANTS_SETTINGS),
    test: `function test_a() configure{ users = "secret", path = "/a" } expect_equal(request{}.kind, "forward") end`,
    requests: [recorded("/a")],
  });
  expect(text).toContain("with settings for path, users:\nof 1 recorded requests: 1 denied");
  expect(text).not.toContain("secret");
  expect(passed).toBe(true);
});

test("where it is attached its settings are those of the attachments", () => {
  const { passed, text } = check({
    script: script(WANTS_SETTINGS),
    configs: [{ users: "x" }, { path: "/a" }],
  });
  expect(passed).toBe(false);
  expect(text).toMatch(/with settings for path:\nlimits:1: setting users is missing/);
});

test("an alert rule is tried on samples of all sorts", () => {
  const { passed, report } = check({
    script: script(
      `if not healthy then alert("critical", "down", "ops") end log(replica)`,
      1,
      "alert",
    ),
  });
  expect(passed).toBe(true);
  expect(report.filter((line) => !line.startsWith("  log"))).toEqual([
    "a healthy replica: no alert",
    'a replica that does not answer: critical "down" to ops',
    "a replica whose usage is not known: no alert",
    "a replica that is slow and full: no alert",
  ]);
});

test.each([
  ["does not compile", "if healthy the", /limits:1: 'then' expected/],
  [
    "compares what is not known",
    "if cpu_percent > 90 then alert('info', 'hot') end",
    /^a replica whose usage is not known: limits:1: attempt to compare number with nil/m,
  ],
  [
    "has a wrong severity",
    "alert('bad', 'x')",
    /a healthy replica: limits:1: alert takes info, warning, critical as severity, not "bad"/,
  ],
  [
    "logs before it fails",
    "for i = 1, 50 do log(i) end if not healthy then oops() end",
    /  log: 20\n.*a replica that does not answer: limits:1: attempt to call/s,
  ],
  ["loops", "while true do end", /ran for more than 400 ms/],
  ["closes its own function", "end function evil() ", /limits:1: .*expected near 'end'/],
])("an alert rule that %s has failed", (_, source, message) => {
  const { passed, text } = check({ script: script(source, 1, "alert") });
  expect(text).toMatch(message);
  expect(passed).toBe(false);
});
