import { afterEach, expect, test } from "vitest";
import type { PolicyAttachment, PolicyScript } from "@bifrost/shared/domain/policy";
import { loadLua } from "../lua/lua-instance.ts";
import { TokenBuckets } from "../limits/token-buckets.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { type PolicyOutcome, type PolicyRequest, PolicyWait } from "./policy-chain.ts";
import { NO_MARKER, type PolicyFault, PolicyHost, type PolicyLogLine } from "./policy-host.ts";

const lua = await loadLua();
const hosts: PolicyHost[] = [];
afterEach(() => hosts.splice(0).forEach((host) => host.close()));

function rig(maxHeldBytes?: number) {
  const timers = virtualTimers();
  const faults: PolicyFault[] = [];
  const lines: PolicyLogLine[] = [];
  const host = new PolicyHost({
    lua,
    timers,
    limiter: new TokenBuckets(timers),
    marker: NO_MARKER,
    log: (line) => lines.push(line),
    onFault: (fault) => faults.push(fault),
    limits: { maxMemoryBytes: 2_000_000, budgetMs: 5 },
    ...(maxHeldBytes === undefined ? {} : { maxHeldBytes }),
  });
  hosts.push(host);
  return { host, timers, faults, lines };
}

function script(name: string, source: string, version = 1): PolicyScript {
  return { name, kind: "request", version, source };
}

function chainFor(
  host: PolicyHost,
  projectId: string,
  ...attached: readonly PolicyAttachment[]
): DecidedChain {
  const made = host.chainOf(attached, projectId);
  if (made === null) throw new Error("no chain");
  return { onRequest: (asked) => decided(made.onRequest(asked)) };
}

interface DecidedChain {
  onRequest(asked: PolicyRequest): PolicyOutcome;
}

function decided(result: PolicyOutcome | PolicyWait): PolicyOutcome {
  if (result instanceof PolicyWait) throw new Error("it waits");
  return result;
}

function chain(host: PolicyHost, ...names: string[]): DecidedChain {
  return chainFor(host, "project", ...names.map((policy) => ({ policy, config: {} })));
}

function request(target = "/", headers: Record<string, string> = {}): PolicyRequest {
  return {
    method: "GET",
    target,
    host: "app.test",
    ip: "10.0.0.1",
    scheme: "http",
    id: "request-1",
    projectId: "project",
    header: (name) => headers[name],
  };
}

test("nothing attached is no chain", () => {
  expect(rig().host.chainOf([], "project")).toBeNull();
});

test("edits of all policies are joined in their order, and the later one wins", () => {
  const { host } = rig();
  host.replaceScripts([
    script(
      "first",
      `function on_request(req) req:set_header("a", "1") req:set_header("b", "1") end`,
    ),
    script(
      "second",
      `function on_request(req) req:set_header("B", "2") resp:add_header("c", "3") end`,
    ),
  ]);
  const outcome = chain(host, "first", "second").onRequest(request());
  expect(outcome.request?.apply("b: 0\r\nhost: x\r\n")).toBe("host: x\r\na: 1\r\nB: 2\r\n");
  expect(outcome.response?.apply("")).toBe("c: 3\r\n");
});

test("the first answer ends the chain and keeps the response edits of those before it", () => {
  const { host } = rig();
  host.replaceScripts([
    script("first", `function on_request() resp:set_header("x-cors", "yes") end`),
    script("second", `function on_request() deny(401, "who?") end`),
    script("third", `function on_request() error("not reached") end`),
  ]);
  const outcome = chain(host, "first", "second", "third").onRequest(request());
  expect(outcome.answer).toEqual({
    status: 401,
    headers: "content-type: text/plain; charset=utf-8\r\n",
    body: "who?",
  });
  expect(outcome.response?.apply("")).toBe("x-cors: yes\r\n");
  expect(host.stats().map(({ name, calls }) => [name, calls])).toEqual([
    ["first", 1],
    ["second", 1],
    ["third", 0],
  ]);
});

test("a policy that is attached but not loaded is refused, counted and logged once by name", () => {
  const { host, lines } = rig();
  const made = chain(host, "absent");
  expect(made.onRequest(request()).answer?.status).toBe(503);
  made.onRequest(request());
  expect([...host.missingCalls()]).toEqual([["absent", 2]]);
  expect(lines.map(({ name }) => name)).toEqual(["absent"]);
});

test.each([
  ["deny, unless it says otherwise", "", 500],
  ["allow", `on_error = "allow"`, undefined],
])("a failing script does what its on_error says: %s", (_, setting, status) => {
  const { host, lines } = rig();
  host.replaceScripts([
    script("broken", `${setting}\nfunction on_request() local x = nil + 1 end`),
  ]);
  expect(chain(host, "broken").onRequest(request()).answer?.status).toBe(status);
  expect(lines[0]?.text).toContain("broken:2: attempt to perform arithmetic on a nil value");
});

test("a script that does not compile is out at once, and its on_error is read from its text", () => {
  const { host, faults } = rig();
  host.replaceScripts([script("typo", `on_error = "allow"\nfunction on_request( end`)]);
  const made = chain(host, "typo");
  for (let i = 0; i < 3; i++) expect(made.onRequest(request()).answer).toBeNull();
  expect(faults).toMatchObject([{ name: "typo", version: 1, error: { kind: "load", line: 2 } }]);
});

test("half of the calls failing takes a script out; a few do not", () => {
  const { host, faults } = rig();
  host.replaceScripts([
    script("shaky", `function on_request(req) if req.path == "/bad" then error("bad") end end`),
  ]);
  const made = chain(host, "shaky");
  for (let i = 0; i < 400; i++) made.onRequest(request(i % 4 === 0 ? "/bad" : "/"));
  expect(faults).toEqual([]);
  for (let i = 0; i < 64; i++) made.onRequest(request(i % 2 === 0 ? "/bad" : "/"));
  expect(faults).toMatchObject([{ name: "shaky", error: { reason: "bad", line: 1 } }]);
  expect(made.onRequest(request("/")).answer?.status).toBe(500);
});

test("five calls that run for too long take a script out", () => {
  const { host, faults } = rig();
  host.replaceScripts([script("loop", `function on_request() while true do end end`)]);
  const made = chain(host, "loop");
  for (let i = 0; i < 8; i++) made.onRequest(request());
  expect(faults).toMatchObject([{ name: "loop", error: { kind: "budget" } }]);
  expect(host.stats()).toMatchObject([{ calls: 5, errors: 5, budgetKills: 5, isOut: true }]);
});

const counting = (answer: string): string =>
  `function on_request() limit("k", 1, 2) deny(200, "${answer}" .. state.incr("n") .. tostring(limit("k", 1, 2))) end`;

test("a new version takes over atomically and finds state and limits as they were", () => {
  const { host } = rig();
  host.replaceScripts([script("counter", counting("one "), 1)]);
  const before = chain(host, "counter");
  expect(before.onRequest(request()).answer?.body).toBe("one 1true");
  host.replaceScripts([script("counter", counting("two "), 2)]);
  expect(chain(host, "counter").onRequest(request()).answer?.body).toBe("two 2false");
  expect(before.onRequest(request()).answer?.body).toBe("one 3false");
});

test("a VM that is not used gives its memory back and returns when it is", async () => {
  const { host, timers } = rig();
  host.replaceScripts([script("idle", `n = 0 function on_request() n = n + 1 deny(200, n) end`)]);
  const made = chain(host, "idle");
  made.onRequest(request());
  expect(made.onRequest(request()).answer?.body).toBe("2");
  await timers.advance(200_000);
  expect(lua.states.size).toBe(0);
  expect(made.onRequest(request()).answer?.body).toBe("1");
});

test("scripts that hold much lose it before all of them hold too much, and small ones keep theirs", () => {
  const { host, lines } = rig(6_000_000);
  const hog = `local kept = {} function on_request()
    for i = 1, 8 do kept[#kept + 1] = ("x"):rep(10000) .. #kept end end`;
  const hogs = Array.from({ length: 8 }, (_, at) => script(`hog-${at}`, hog));
  const small = script("small", `n = 0 function on_request() n = n + 1 deny(200, n) end`);
  host.replaceScripts([small, ...hogs]);
  const modest = chain(host, "small");
  const greedy = hogs.map(({ name }) => chain(host, name));
  let most = 0;
  for (let call = 1; call <= 20; call++) {
    expect(modest.onRequest(request()).answer?.body).toBe(String(call));
    for (const one of greedy) one.onRequest(request());
    most = Math.max(most, lua.usedBytes);
  }
  expect(most).toBeGreaterThan(3_000_000);
  expect(most).toBeLessThan(8_000_000);
  expect(
    lines.some(({ name, text }) => name.startsWith("hog-") && text.includes("lost what it held")),
  ).toBe(true);
});

test("state is kept of a bounded number of uses, the ones used last", () => {
  const { host } = rig();
  const source = `function on_request() deny(200, state.incr("n")) end`;
  host.replaceScripts([script("count", source)]);
  const count = (projectId: string): string => {
    const made = chainFor(host, projectId, { policy: "count", config: {} });
    return made.onRequest({ ...request(), projectId }).answer?.body ?? "";
  };
  expect([count("first"), count("second"), count("first")]).toEqual(["1", "1", "2"]);
  for (let at = 0; at < 1023; at++) count(`project-${at}`);
  expect([count("first"), count("second")]).toEqual(["3", "1"]);
});

test("a version disabled from outside obeys its on_error from then on", () => {
  const { host } = rig();
  host.replaceScripts([script("stuck", `on_error = "allow"\nfunction on_request() deny(403) end`)]);
  const made = chain(host, "stuck");
  expect(made.onRequest(request()).answer?.status).toBe(403);
  host.disable("stuck", 2);
  expect(made.onRequest(request()).answer?.status).toBe(403);
  host.disable("stuck", 1);
  expect(made.onRequest(request()).answer).toBeNull();
});

test("a version that was taken out serves again when the scripts are given anew, unless it is disabled again", () => {
  const { host, faults } = rig();
  const broken = script(
    "broken",
    `function on_request(req) if req:header("x") then nil_() end end`,
  );
  const fail = (): void => {
    host.replaceScripts([broken]);
    const made = chain(host, "broken");
    for (let call = 0; call < 10; call++) made.onRequest(request("/", { x: "1" }));
  };
  fail();
  expect(host.stats()).toMatchObject([{ isOut: true, errors: 10 }]);
  expect(chain(host, "broken").onRequest(request()).answer?.status).toBe(500);
  fail();
  expect(faults).toHaveLength(2);
  host.replaceScripts([broken]);
  expect(chain(host, "broken").onRequest(request()).answer).toBeNull();
  host.disable("broken", 1);
  expect(chain(host, "broken").onRequest(request()).answer?.status).toBe(500);
});

const STRICT = `local rate = settings{ rate = { type = "number", default = 1 } }.rate
function on_request(req) resp:set_header("x-rate", rate) end`;

test.each(["limits", "standard/limits"])(
  "settings that %s refuses end that use of it, once, and no other",
  (policy) => {
    const { host, faults, lines } = rig();
    host.replaceScripts([{ ...script(policy, STRICT), teamId: "team" }]);
    const good = chainFor(host, "project", { policy, config: { rate: 5 } });
    const bad = chainFor(host, "project", { policy, config: { rate: "x" } });
    const statuses = Array.from({ length: 100 }, () => bad.onRequest(request()).answer?.status);
    expect(new Set(statuses)).toEqual(new Set([500]));
    expect(good.onRequest(request()).response?.apply("")).toBe("x-rate: 5\r\n");
    expect(faults).toEqual([]);
    expect(lines.map(({ text }) => text)).toEqual([
      expect.stringContaining(`setting rate must be a number, not "x"`),
      expect.stringContaining("out of service"),
    ]);
    expect(host.stats()).toMatchObject([{ errors: 1, isOut: false }]);
  },
);

test("a use that was ended begins anew when the scripts are given anew", () => {
  const { host, lines } = rig();
  for (let time = 0; time < 2; time++) {
    host.replaceScripts([script("limits", STRICT)]);
    chainFor(host, "project", { policy: "limits", config: { rate: "x" } }).onRequest(request());
  }
  expect(lines.filter(({ text }) => text.includes("must be a number"))).toHaveLength(2);
});

const PICKY = `local n = config.n or error("setting n is missing")
  function on_request(req) if req.path == "/bad" then error("bad") end deny(200, n) end`;

function uses(host: PolicyHost, configs: Readonly<Record<string, PolicyAttachment["config"]>>) {
  return Object.entries(configs).map(([projectId, config]) => {
    const made = chainFor(host, projectId, { policy: "picky", config });
    return (target = "/") => made.onRequest(request(target)).answer?.status;
  });
}

test.each([
  ["with settings of its own", { one: { n: 1 }, two: { n: 2 }, three: { n: 2 } }],
  ["with the settings of all", { one: { n: 1 }, two: { n: 1 }, three: { n: 1 } }],
])("a shared script that fails for one project goes on for the others: %s", (_, configs) => {
  const { host, faults, lines } = rig();
  host.replaceScripts([script("picky", PICKY)]);
  const [one, two, three] = uses(host, configs);
  for (const use of [two, three]) expect(use?.()).toBe(200);
  for (let call = 0; call < 100; call++) expect(one?.("/bad")).toBe(500);
  expect(
    lines.filter(({ text }) => text.includes("is out of service for project one")),
  ).toHaveLength(1);
  expect(lines).toHaveLength(11);
  for (const use of [two, three]) expect(use?.()).toBe(200);
  expect(faults).toEqual([]);
  const [mended] = uses(host, { one: { n: 3 } });
  expect(mended?.()).toBe(200);
});

test.each([
  ["the platform's own is taken out when it fails for most projects", 1, 1],
  ["one that comes with the gateway is not", 0, 0],
])("%s", (_, version, faulted) => {
  const { host, faults } = rig();
  host.replaceScripts([script("picky", PICKY, version)]);
  const [one, two, three] = uses(host, { one: { n: 1 }, two: { n: 1 }, three: { n: 1 } });
  three?.();
  for (const use of [one, two]) for (let call = 0; call < 20; call++) use?.("/bad");
  expect(faults).toHaveLength(faulted);
  expect(three?.()).toBe(faulted === 0 ? 200 : 500);
});

test("a team's own is judged as a whole, wherever it fails", () => {
  const { host, faults } = rig();
  host.replaceScripts([{ ...script("picky", PICKY), teamId: "team" }]);
  const [one, two] = uses(host, { one: { n: 2 }, two: { n: 1 } });
  expect(two?.()).toBe(200);
  for (let call = 0; call < 20; call++) one?.("/bad");
  expect(faults).toHaveLength(1);
  expect(two?.()).toBe(500);
});

test("on_error takes no other word than deny and allow", () => {
  const { host, lines } = rig();
  host.replaceScripts([script("open", `on_error = "allowed"\nfunction on_request() end`)]);
  expect(chain(host, "open").onRequest(request()).answer?.page).toBe("policy-failed");
  expect(lines[0]?.text).toContain(`on_error must be "deny" or "allow", not allowed`);
});
