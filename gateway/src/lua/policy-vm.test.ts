import { createHash } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import { evaluate, openVm, policyRequest, type OpenOptions } from "../testing/policy-rig.ts";
import type { PolicyResponse } from "../policies/policy-chain.ts";
import { PolicyError } from "./policy-error.ts";
import type { PolicyVm } from "./policy-vm.ts";

const open: PolicyVm[] = [];
afterEach(() => open.splice(0).forEach((vm) => vm.close()));

function policy(body: string, options?: OpenOptions): PolicyVm {
  const vm = openVm(`function on_request(req) ${body} end`, options);
  open.push(vm);
  return vm;
}

const REQUEST = policyRequest({
  method: "POST",
  target: "/a/b?x=1&y=a%20b+c&x=2&z",
  headers: { cookie: "sid=1; theme=dark", "x-client": "me", latin: "caf\xe9" },
});

test.each([
  [`answer(req.method, req.path, req.query, req.host)`, "POST /a/b x=1&y=a%20b+c&x=2&z app.test"],
  [`answer(req.ip, req.scheme, req.id, req.project)`, "10.0.0.1 http request-1 project"],
  [`answer(req.now)`, "1234.5"],
  [`answer(req:header("x-client"), req:header("X-Client"), req:header("none"))`, "me me nil"],
  [`answer(req:cookie("theme"), req:cookie("none"))`, "dark nil"],
  [
    `answer(req:query_param("x"), req:query_param("y"), req:query_param("z"), req:query_param("none"))`,
    "1 a b c  nil",
  ],
  [`answer(#req:header("latin"), req:header("latin"))`, "4 caf\xe9"],
  [
    `answer(config.rate, config.name, config.on, config.list[2], #config.list)`,
    "10 caf\xc3\xa9 true b 2",
  ],
  [`answer(base64_decode("YTpi"), base64_decode("!"), base64_decode("a"))`, "a:b nil nil"],
  [`answer(equal("a", "a"), equal("a", "b"), equal("", "a"))`, "true false false"],
  [`answer(sha256("x"))`, createHash("sha256").update("x").digest("hex")],
  [`answer(state.get("n"), state.incr("n"), state.incr("n", 2), state.get("n"))`, "nil 1 3 3"],
  [
    `state.set("t", "x") state.set("t", nil) state.set("b", true) answer(state.get("t"), state.get("b"))`,
    "nil true",
  ],
  [
    `answer(limit("k", 1, 2), limit("k", 1, 2), limit("k", 1, 2), limit("other", 1, 2))`,
    "true true false true",
  ],
  [`local ok, wait = limit("k", 2, 1) ok, wait = limit("k", 2, 1) answer(ok, wait)`, "false 0.5"],
  [
    `answer(pcall(limit, "k", 0, 1))`,
    "false limit: the rate, in requests a second, must be above 0",
  ],
  [
    `answer(pcall(limit, "k", 1, 0.5))`,
    "false limit: the burst must be at least 1, or nothing ever passes",
  ],
  [`answer(limit("k", 1, 1, "strict"), limit("k", 1, 1, nil))`, "true false 1.0"],
  [
    `answer(pcall(limit, "k", 1, 1, "loose"))`,
    `false limit: the mode must be "balanced" or "strict" or "split", not "loose"`,
  ],
  [
    `answer(pcall(limit, "k", 1, 1, 5))`,
    `false limit: the mode must be "balanced" or "strict" or "split", not 5`,
  ],
  [
    `answer(pcall(limit, "k", 1, 1, {}))`,
    `false limit: the mode must be "balanced" or "strict" or "split", not a value of another type`,
  ],
  [
    `answer(pcall(limit, "k", 1, 0/0))`,
    "false limit: the burst must be at least 1, or nothing ever passes",
  ],
  [`answer(pcall(split, { a = 0, b = 0 }))`, "false [api]:121: split needs a weight above 0"],
  [
    `answer(pcall(split, { a = 0/0 }))`,
    "false [api]:121: split: the weight of a must be from 0 to a billion",
  ],
  [`answer(pcall(split, {}))`, "false [api]:121: split needs at least one name"],
  [`answer(split{ a = 0, b = 1 }("key"), split{ a = 1, b = 0 }("key"))`, "b a"],
])("%s answers %s", (body, found) => {
  const options = {
    config: { rate: 10, name: "café", on: true, list: ["a", "b"] },
    clock: { now: () => 1_234_500 },
  };
  const answered = evaluate(body, options, REQUEST).replace(/(test|\[api\]):\d+: /g, "");
  expect(answered).toBe(found.replace(/(test|\[api\]):\d+: /g, ""));
});

test.each([
  ["deny(429)", { status: 429, headers: "", body: "" }],
  [
    `deny(403, "no")`,
    { status: 403, headers: "content-type: text/plain; charset=utf-8\r\n", body: "no" },
  ],
  [
    `deny(503, "<p>", "text/html")`,
    { status: 503, headers: "content-type: text/html\r\n", body: "<p>" },
  ],
  [
    `deny(401.0, 5)`,
    { status: 401, headers: "content-type: text/plain; charset=utf-8\r\n", body: "5" },
  ],
  [`redirect("/x")`, { status: 302, headers: "location: /x\r\n", body: "" }],
  [
    `redirect("https://a.test/", 308)`,
    { status: 308, headers: "location: https://a.test/\r\n", body: "" },
  ],
  [`deny(403) deny(404) redirect("/x")`, { status: 403, headers: "", body: "" }],
  [`return "what scripts return means nothing"`, null],
])("%s", (body, answer) => {
  const vm = policy(body);
  for (let i = 0; i < 3; i++) expect(vm.onRequest(policyRequest()).answer).toEqual(answer);
});

test("a target, a path and edits of both heads make one outcome, the same object each time", () => {
  const vm = policy(`req:use_target("canary") req:set_path("/new?x") req:set_header("a", req.method)
    resp:set_header("b", 1) resp:add_header("set-cookie", "c=1") resp:add_header("set-cookie", "d=2") resp:remove_header("Server")`);
  const outcome = vm.onRequest(policyRequest());
  expect(outcome).toMatchObject({ answer: null, target: "canary", path: "/new?x" });
  expect(outcome.request?.apply("A: 0\r\nhost: h\r\n")).toBe("host: h\r\na: GET\r\n");
  expect(outcome.response?.apply("server: x\r\nset-cookie: app=1\r\nServer-Timing: y\r\n")).toBe(
    "set-cookie: app=1\r\nServer-Timing: y\r\nb: 1\r\nset-cookie: c=1\r\nset-cookie: d=2\r\n",
  );
  expect(vm.onRequest(policyRequest())).toBe(outcome);
});

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

test.each([
  [`req:set_header("a b", "x")`, `"a b" is not the name of a header`],
  [`req:set_header("a", "x\\r\\nset-cookie: z=1")`, "the value of a has control characters in it"],
  [`req:set_header("a", "x\\0")`, "the value of a has control characters in it"],
  [
    `req:set_header("Content-Length", "1")`,
    "the header content-length is the gateway's own and cannot be changed",
  ],
  [
    `resp:set_header("transfer-encoding", "chunked")`,
    "the header transfer-encoding is the gateway's own and cannot be changed",
  ],
  [
    `req:remove_header("X-Forwarded-For")`,
    "the header x-forwarded-for is the gateway's own and cannot be changed",
  ],
  [
    `resp:set_header("x-bifrost-request-id", "1")`,
    "the header x-bifrost-request-id is the gateway's own and cannot be changed",
  ],
  [`req:set_header("a", nil)`, "a value must be a string"],
  [`req:set_header("a", {})`, "a value must be a string"],
  [`req:set_header("a", ("x"):rep(9000))`, "the value of a has 9000 bytes: at most 8192"],
  [`req:set_path("no slash")`, "set_path takes a path that begins with / and has no blanks"],
  [`req:set_path("/a b")`, "set_path takes a path that begins with / and has no blanks"],
  [`deny(100)`, "deny takes a status from 200 to 599, not 100"],
  [`deny(429.7)`, "deny takes a status from 200 to 599, not 429.7"],
  [`deny(0/0)`, /^deny takes a status from 200 to 599, not -?nan$/],
  [`deny("why")`, "deny takes a status from 200 to 599, not why"],
  [`redirect("/x", 200)`, "redirect takes the status 301, 302, 303, 307, 308, not 200"],
  [`redirect("/x\\r\\na: b")`, "the value of location has control characters in it"],
  [`resp:header("a")`, "resp can be read only in on_response: there is no response yet"],
  [
    `return req.hots`,
    "req has no hots: it has method, path, query, host, ip, scheme, id, project, now and methods",
  ],
])("%s is refused at its line", (body, reason) => {
  const vm = policy(`\n${body}`);
  const meant = new RegExp(typeof reason === "string" ? `^${escaped(reason)}$` : reason);
  for (let i = 0; i < 2; i++) {
    let found: unknown;
    try {
      vm.onRequest(policyRequest());
    } catch (error) {
      found = error;
    }
    expect(found).toBeInstanceOf(PolicyError);
    expect(found).toMatchObject({
      kind: "error",
      line: 2,
      reason: expect.stringMatching(meant) as string,
    });
  }
});

test.each([`deny(200)`, `limit("k", 1, 1)`, `state.get("x")`, `resp:set_header("a", "b")`])(
  "%s does not work when the script loads",
  (body) => {
    expect(() => openVm(body)).toThrow(/works only while a request is handled/);
  },
);

function responseOf(status: number): PolicyResponse {
  return { status, header: (name) => (name === "x-error" ? "boom" : undefined) };
}

test("on_response reads request and response and edits the response only", () => {
  const vm = openVm(`function on_response(req, resp)
    if resp.status >= 500 then resp:set_header("x-why", req.method .. " " .. tostring(resp:header("X-Error"))) end
    if resp.status == 404 then req:set_header("a", "b") end
  end`);
  open.push(vm);
  expect(vm.handlesRequests).toBe(false);
  expect(vm.handlesResponses).toBe(true);
  expect(vm.onResponse(policyRequest(), responseOf(200))).toBeNull();
  expect(vm.onResponse(policyRequest(), responseOf(502))?.apply("")).toBe("x-why: GET boom\r\n");
  expect(() => vm.onResponse(policyRequest(), responseOf(404))).toThrow("works only in on_request");
});

test("twenty thousand decisions that are all different are all correct, in bounded memory", () => {
  const vm = policy(
    `req:set_header("x-id", req.id) req:set_header("id", "1") deny(200, ("b"):rep(200) .. req.id)`,
  );
  for (let i = 0; i < 20_000; i++) {
    const outcome = vm.onRequest(policyRequest({ id: `r${i}` }));
    expect(outcome.request?.added).toBe(`x-id: r${i}\r\nid: 1\r\n`);
    expect(outcome.answer?.body.slice(200)).toBe(`r${i}`);
  }
  expect(vm.state.used).toBeLessThan(6_000_000);
});

test("two hundred thousand calls leave not one byte behind", () => {
  const vm = policy(`local key = req:header("x-client") or req.ip
    if not limit(key, 1e6, 1e6) then return deny(429) end
    req:set_header("x-path", req.path) resp:remove_header("server")`);
  const requests = Array.from({ length: 100 }, (_, i) =>
    policyRequest({ target: `/${i}`, headers: { "x-client": `c${i}` } }),
  );
  const call = (count: number): number => {
    for (let i = 0; i < count; i++) vm.onRequest(requests[i % 100] ?? policyRequest());
    vm.state.collect();
    return vm.state.used;
  };
  expect(call(200_000) - call(1000)).toBe(0);
});

test("each entry into Lua is marked, and left however it ends", () => {
  const marks: string[] = [];
  const marker = {
    enter: (script: number) => void marks.push(`in ${script}`),
    leave: () => void marks.push("out"),
  };
  const vm = policy(`if req.path == "/bad" then error("x") end`, { marker });
  vm.onRequest(policyRequest());
  expect(() => vm.onRequest(policyRequest({ target: "/bad" }))).toThrow("test:1: x");
  expect(marks).toEqual(["in 1", "out", "in 1", "out", "in 1", "out"]);
});

test("log joins its values as text, in UTF-8", () => {
  const lines: string[] = [];
  evaluate(`log("a", 1, nil, true, "café")`, { log: (line) => lines.push(line) });
  expect(lines).toEqual(["a 1 nil true café"]);
});

test("a split falls as its weights say and moves few keys when they change", () => {
  const vm =
    openVm(`local before, after, other = split{ a = 90, b = 10 }, split{ a = 80, b = 20 }, split{ c = 50, d = 50 }
    function on_request(req) deny(200, before(req.id) .. after(req.id) .. other(req.id)) end`);
  open.push(vm);
  const seen = new Map<string, number>();
  for (let i = 0; i < 10_000; i++) {
    const body = vm.onRequest(policyRequest({ id: `user-${i}` })).answer?.body ?? "";
    seen.set(body, (seen.get(body) ?? 0) + 1);
  }
  const share = (isMeant: (body: string) => boolean): number =>
    [...seen].reduce((sum, [body, count]) => sum + (isMeant(body) ? count : 0), 0) / 10_000;
  expect(share((body) => body.startsWith("a"))).toBeCloseTo(0.9, 1);
  expect(share((body) => body.startsWith("ba"))).toBe(0);
  expect(share((body) => body.startsWith("ab"))).toBeCloseTo(0.1, 1);
  expect(share((body) => body.startsWith("bbc"))).toBeCloseTo(0.05, 1);
});
