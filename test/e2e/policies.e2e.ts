/** A Lua policy as its author meets it: tested, put in service, attached, obeyed, and reverted by itself when it fails. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { App } from "../support/app.ts";
import { nodeApp, writeFiles } from "../support/folders.ts";
import { type PlatformUnderTest, startPlatform } from "../support/platform.ts";
import { endedWith } from "../support/processes.ts";
import { askContinuously } from "../support/traffic.ts";
import { until } from "../support/until.ts";

let platform: PlatformUnderTest;
let app: App;
beforeAll(async () => {
  platform = await startPlatform();
  app = await App.create(platform, "tea", nodeApp("tea", { answer: "coffee" }));
  endedWith(0, await app.cli("deploy"));
});
afterAll(() => platform.stop());

/** Refuses whoever asks for coffee by header; on this path it never returns. */
const teapot = (onOrder: string) => `
function on_request(req)
  resp:set_header("x-policy", config.name or "nameless")
  local order = req:header("x-order")
  if order == "coffee" then
    log("refused", req.id)
    return deny(418, "I am a teapot\\n")
  end
  if order == "forever" then ${onOrder} end
end
`;

const TESTS = (status: number) => `
function test_coffee_is_refused()
  local decision = request{ headers = { ["x-order"] = "coffee" } }
  expect_equal(decision.kind, "deny")
  expect_equal(decision.status, ${status}, "status")
end

function test_everything_else_passes()
  expect_equal(request{}.kind, "forward")
end
`;

const order = async (what: string) => platform.get("tea", "/", { "x-order": what });

/** What `bifrost policies show` knows. */
async function shown(): Promise<Readonly<Record<string, unknown>>> {
  const { stdout } = endedWith(0, await app.cli("policies", "show", "teapot", "--json"));
  return JSON.parse(stdout) as Readonly<Record<string, unknown>>;
}

test("a policy goes from its author's folder to all traffic and back, without one failed request", async () => {
  const { folder } = app.repository;
  const traffic = askContinuously(platform, "tea");

  // A test that fails says where, and nothing uses the version.
  writeFiles(folder, { "teapot.lua": teapot(""), "teapot_test.lua": TESTS(417) });
  const failed = endedWith(1, await app.cli("policies", "test", "teapot.lua"));
  expect(failed.stdout).toMatch(/✗ version 1 of teapot failed its check/);
  expect(failed.stdout).toMatch(/teapot_test(?:\.lua)?:5/);
  const refused = endedWith(7, await app.cli("policies", "activate", "teapot", "1"));
  expect(refused.stderr).toMatch(/failed its check/);

  writeFiles(folder, { "teapot_test.lua": TESTS(418) });
  const pushed = endedWith(0, await app.cli("policies", "push", "teapot.lua", "--activate"));
  expect(pushed.stdout).toMatch(/version 2 is in service/);
  expect((await order("coffee")).status).toBe(200);

  endedWith(0, await app.cli("policies", "attach", "teapot", "--set", "name=first"));
  await until(async () => (await order("coffee")).status === 418, { what: "the policy" });
  expect(await order("tea")).toMatchObject({
    status: 200,
    body: "coffee",
    headers: { "x-policy": "first" },
  });

  // Its tests do not see what it does in one case: there it never ends.
  writeFiles(folder, { "teapot.lua": teapot("while true do end") });
  endedWith(0, await app.cli("policies", "push", "teapot.lua", "--activate"));
  await until(
    async () => {
      // Many at once: a script is judged by its last calls, and the others among them are fine.
      await Promise.all(Array.from({ length: 20 }, () => order("forever")));
      return (await shown())["activeVersion"] === 2;
    },
    { what: "the revert" },
  );
  const { fault, history } = await shown();
  expect(fault).toMatch(/^teapot:\d+: .*\(budget\)$/);
  expect(history).toContainEqual(
    expect.objectContaining({ what: "reverted", version: 3, by: "gateway" }),
  );
  expect((await order("coffee")).status).toBe(418);
  await until(async () => (await order("forever")).status === 200, { what: "the former version" });

  await until(
    async () => {
      const { stdout } = await app.cli("policies", "logs", "teapot");
      return stdout.includes("refused") && stdout.includes("version 3 was taken out of service");
    },
    { what: "what it logged" },
  );

  const attached = endedWith(7, await app.cli("policies", "delete", "teapot", "--yes"));
  expect(attached.stderr).toMatch(/attached to project tea/);
  endedWith(0, await app.cli("policies", "detach", "teapot"));
  await until(async () => (await order("coffee")).status === 200, { what: "the detached policy" });
  endedWith(0, await app.cli("policies", "delete", "teapot", "--yes"));

  await traffic.stop();
  expect(traffic.failures).toEqual([]);
  expect(traffic.bodies.length).toBeGreaterThan(0);
});
