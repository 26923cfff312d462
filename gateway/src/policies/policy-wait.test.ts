/** Chains of policies in which one waits for a limit. */
import { afterEach, expect, test } from "vitest";
import type { PolicyScript } from "@bifrost/shared/domain/policy";
import type { LimitMode } from "../limits/limiter.ts";
import { FakeLimiter } from "../testing/fake-limiter.ts";
import { lua, policyRequest } from "../testing/policy-rig.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { type PolicyOutcome, PolicyWait } from "./policy-chain.ts";
import { NO_MARKER, PolicyHost } from "./policy-host.ts";

const hosts: PolicyHost[] = [];
afterEach(() => hosts.splice(0).forEach((host) => host.close()));

function limiting(name: string, key: string, mode: LimitMode): PolicyScript {
  const source = `function on_request(req)
    resp:add_header("${key}", state.incr("runs"))
    local ok, wait = limit("${key}", 1, 1, "${mode}")
    if not ok then deny(429, "${key} " .. wait) end end`;
  return { name, kind: "request", version: 1, source };
}

function decided(result: PolicyOutcome | PolicyWait): PolicyOutcome {
  if (result instanceof PolicyWait) throw new Error("it waits");
  return result;
}

/** Three policies, of which the second waits for the key "b" and the third for "c". */
function waitingRig() {
  const limiter = new FakeLimiter();
  const timers = virtualTimers();
  const host = new PolicyHost({
    lua,
    timers,
    limiter,
    marker: NO_MARKER,
    log: () => undefined,
    onFault: () => undefined,
  });
  hosts.push(host);
  host.replaceScripts([
    limiting("first", "a", "balanced"),
    limiting("second", "b", "strict"),
    limiting("third", "c", "strict"),
  ]);
  const attached = ["first", "second", "third"].map((policy) => ({ policy, config: {} }));
  const asked = host.chainOf(attached, "project")?.onRequest(policyRequest());
  if (!(asked instanceof PolicyWait)) throw new Error("it does not wait");
  return { host, limiter, timers, asked };
}

function waits(result: PolicyOutcome | PolicyWait): PolicyWait {
  if (result instanceof PolicyWait) return result;
  throw new Error("it does not wait");
}

test("only the policy that waits is asked again, and then those after it", async () => {
  const { host, limiter, asked } = waitingRig();
  limiter.tell("b", 1);
  await asked.known;
  const third = waits(asked.goOn(true));
  limiter.tell("c", 1);
  await third.known;
  expect(decided(third.goOn(true)).response?.apply("")).toBe("a: 1\r\nb: 2\r\nc: 2\r\n");
  expect(limiter.taken).toEqual(["a", "b", "c"]);
  expect(host.stats().map(({ calls }) => calls)).toEqual([1, 1, 1]);
});

test("who may not wait any more waits for no policy behind either", () => {
  const { limiter, asked } = waitingRig();
  limiter.tell("b", 1);
  expect(decided(asked.goOn(false)).answer?.body).toBe("c 1.0");
  expect(limiter.taken).toEqual(["a", "b"]);
});

test("two requests that wait keep their tokens apart", () => {
  const { host, limiter, asked } = waitingRig();
  const other = waits(chainOfSecond(host));
  limiter.tell("b", 2);
  const both = [asked.goOn(true), other.goOn(true)];
  limiter.tell("c", 1);
  expect(both.map((one) => one instanceof PolicyWait)).toEqual([true, false]);
  expect(limiter.taken).toEqual(["a", "b", "b"]);
});

function chainOfSecond(host: PolicyHost): PolicyOutcome | PolicyWait {
  const made = host.chainOf([{ policy: "second", config: {} }], "project");
  if (made === null) throw new Error("no chain");
  return made.onRequest(policyRequest());
}

test("a VM that was closed while a request waited opens again", async () => {
  const { limiter, timers, asked } = waitingRig();
  await timers.advance(200_000);
  expect(lua.states.size).toBe(0);
  limiter.tell("b", 0);
  expect(decided(asked.goOn(true)).answer?.body).toBe("b 5.0");
});
