import { expect, test } from "vitest";
import { loadLua } from "../../lua/lua-instance.ts";
import { runPolicyTests } from "./run-policy-tests.ts";

const lua = await loadLua();

function run(source: string, tests: string, budgetMs?: number) {
  const script = { name: "limits", kind: "request", version: 1, source } as const;
  const options = { lua, script, test: tests };
  return runPolicyTests(budgetMs === undefined ? options : { ...options, budgetMs });
}

const ECHO = `
seen = 0
function on_request(req)
  seen = seen + 1
  req:set_header("x-seen", seen)
  if req.path == "/redirect" then return redirect("/there", 307) end
  if req.path == "/broken" then local x = nil + 1 end
  if req.path == "/rewrite" then req:set_path("/new?a=b") req:use_target("canary") end
end
function on_response(req, resp)
  resp:set_header("x-status", resp.status .. " " .. req.path)
end`;

test("tests run in alphabetical order, each on a fresh VM and with globals of its own", () => {
  const { results } = run(
    ECHO,
    `leaked = (leaked or 0) + 1
    function test_b() expect_equal(request{}.request_headers["x-seen"], "1") leaked = 7 end
    function test_a() expect_equal(leaked, 1) expect_equal(request{}.request_headers["x-seen"], "1") end
    function not_a_test() error("never") end
    test_value = 1`,
  );
  expect(results).toEqual([
    { name: "test_a", failure: null },
    { name: "test_b", failure: null },
  ]);
  expect(lua.states.size).toBe(0);
});

test("a failed expectation is told with its message, line and stack; the others run on", () => {
  const { results } = run(
    ECHO,
    `local function check(path)
      expect_equal(request{ path = path }.kind, "deny", "kind")
    end
    function test_a() check("/redirect") end
    function test_b() expect(false) end
    function test_c() expect(request{}) end`,
  );
  expect(results).toEqual([
    {
      name: "test_a",
      failure: {
        message: 'kind: found "redirect", wanted "deny"',
        script: "limits_test",
        line: 2,
        stack: expect.stringContaining("limits_test:4: in function 'test_a'") as string,
      },
    },
    {
      name: "test_b",
      failure: expect.objectContaining({ message: "expectation failed", line: 5 }),
    },
    { name: "test_c", failure: null },
  ]);
});

test("decisions and responses are tables", () => {
  const { results } = run(
    ECHO,
    `function test_redirect()
      local d = request{ path = "/redirect" }
      expect_equal({ d.kind, d.status, d.location, d.path }, { "redirect", 307, "/there" })
    end
    function test_forward()
      local d = request{ path = "/rewrite", headers = { A = "1" } }
      expect_equal({ d.kind, d.target, d.path }, { "forward", "canary", "/new?a=b" })
      expect_equal(d.request_headers, { a = "1", ["x-seen"] = "1" })
      expect_equal(d.response_headers, {})
    end
    function test_response()
      request{ path = "/here" }
      local r = respond{ status = 404, headers = { server = "x" } }
      expect_equal(r.status, 404)
      expect_equal(r.headers, { server = "x", ["x-status"] = "404 /here" })
    end`,
  );
  expect(results.filter(({ failure }) => failure !== null)).toEqual([]);
});

test("an error of the policy is one of the test, with the policy's line and stack", () => {
  const { results } = run(ECHO, `function test_it()\n  request{ path = "/broken" }\nend`);
  expect(results).toMatchObject([
    {
      failure: {
        line: 2,
        message: expect.stringMatching(
          /^limits:7: attempt to perform arithmetic on a nil value\nlimits:7: in /,
        ) as string,
      },
    },
  ]);
});

test.each([
  ["a file that does not compile", "function test_(", "limits_test", 1, /expected near/],
  ["a file without tests", "x = 1", "limits_test", null, /^has no test/],
  [
    "an unknown field",
    `function test_a() request{ metod = "GET" } end`,
    "limits_test",
    1,
    /request has no metod: it takes method, path/,
  ],
  [
    "a field of another type",
    `function test_a() request{ path = 1 } end`,
    "limits_test",
    1,
    /path must be a string/,
  ],
  [
    "headers that are none",
    `function test_a() request{ headers = "x" } end`,
    "limits_test",
    1,
    /headers must be a table/,
  ],
  [
    "a clock that goes back",
    `function test_a() advance(-1) end`,
    "limits_test",
    1,
    /advance takes seconds/,
  ],
  [
    "a setting that is a table of tables",
    `function test_a() configure{ a = { {} } } end`,
    "limits_test",
    1,
    /a must be a scalar or a list/,
  ],
  [
    "a way out of the sandbox",
    `function test_a() os.exit() end`,
    "limits_test",
    1,
    /attempt to index a nil value \(global 'os'\)/,
  ],
])("%s is named", (_, source, script, line, message) => {
  const { results } = run(ECHO, source);
  expect(results).toHaveLength(1);
  expect(results[0]?.failure).toMatchObject({ script, line });
  expect(results[0]?.failure?.message).toMatch(message);
});

test("all tests of a file share one budget, and what does not fit is not run", () => {
  const { results } = run(
    ECHO,
    `function test_a() while true do pcall(request, {}) end end
    function test_b() end`,
    100,
  );
  expect(results).toMatchObject([
    {
      name: "test_a",
      failure: { line: 1, message: expect.stringContaining("was stopped") as string },
    },
    {
      name: "test_b",
      failure: { line: null, message: expect.stringContaining("was not run") as string },
    },
  ]);
  expect(lua.states.size).toBe(0);
});

test("a policy that runs for too long inside a test is stopped by its own budget", () => {
  const { results } = run(
    `function on_request() while true do end end`,
    `function test_a() expect_error("ran for more than 50 ms", request, {}) end`,
  );
  expect(results).toEqual([{ name: "test_a", failure: null }]);
});

test("time moves only when told", () => {
  const { results } = run(
    `function on_request(req) req:set_header("x-now", string.format("%.1f", req.now)) end`,
    `function test_a()
      local before = request{}.request_headers["x-now"]
      expect_equal(request{}.request_headers["x-now"], before)
      advance(1.5)
      expect_equal(tonumber(request{}.request_headers["x-now"]) - tonumber(before), 1.5)
    end`,
  );
  expect(results).toEqual([{ name: "test_a", failure: null }]);
});

test("settings that the policy accepted are told", () => {
  const { configs } = run(
    `if config.bad then error("no") end`,
    `function test_a()
      configure{ rate = 2, names = { "ä", "b" }, on = true }
      pcall(configure, { bad = true })
    end`,
  );
  expect(configs).toEqual([{ rate: 2, names: ["ä", "b"], on: true }]);
});
