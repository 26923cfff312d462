import { BifrostError } from "@bifrost/shared/domain/errors";
import { expect, test } from "vitest";
import { VirtualTimers } from "../../workflows/testing/virtual-timers.ts";
import { CallerResolver } from "./caller.ts";
import { endWhenTokenExpires } from "./token-expiry.ts";

const HOUR_MS = 3_600_000;

function resolverWith(timers: VirtualTimers, lifetimeMs = HOUR_MS) {
  const calls: string[] = [];
  const resolver = new CallerResolver(
    async (uid) => {
      calls.push(uid);
      return { uid, token: { sub: uid, exp: (timers.now() + lifetimeMs) / 1000 } };
    },
    timers,
    "the owner's",
  );
  return { resolver, calls };
}

test("a thousand tokens are remembered, and the oldest goes for a newer one", async () => {
  const { resolver, calls } = resolverWith(new VirtualTimers());
  for (let index = 0; index <= 1000; index += 1) await resolver.resolve(`Bearer user-${index}`);
  calls.length = 0;
  await resolver.resolve("Bearer user-1");
  await resolver.resolve("Bearer user-1000");
  expect(calls).toEqual([]);
  await resolver.resolve("Bearer user-0");
  expect(calls).toEqual(["user-0"]);
});

test("a token that was over when its verification came back is refused", async () => {
  const { resolver } = resolverWith(new VirtualTimers(), 0);
  await expect(resolver.resolve("Bearer ada")).rejects.toMatchObject({ status: "UNAUTHENTICATED" });
});

test("two Authorization headers are refused, whatever they hold", () => {
  const { resolver } = resolverWith(new VirtualTimers());
  expect(() => resolver.resolve(["Bearer a", "Bearer a"])).toThrow(/one Authorization header/);
  expect(resolver.resolve([])).toMatchObject({ isOwner: false, auth: null });
});

test.each([
  [new BifrostError("unauthenticated", "it is old"), "UNAUTHENTICATED", "it is old"],
  [new BifrostError("upstream-unavailable", "no keys"), "UNAVAILABLE", "no keys"],
  [new Error("bad token: secret"), "UNAUTHENTICATED", "Invalid ID token."],
])("%s is answered as %s without the words of others", async (cause, status, message) => {
  const reject = () => Promise.reject(cause);
  const resolver = new CallerResolver(reject, new VirtualTimers(), "the owner's");
  await expect(resolver.resolve("Bearer secret")).rejects.toMatchObject({ status, message });
});

test("a wait longer than a timer can count is made of several", () => {
  const timers = new VirtualTimers();
  const ends: string[] = [];
  const expiresAtMs = timers.now() + 60 * 24 * HOUR_MS;
  const caller = { isOwner: false, auth: null, key: "uid:ada", expiresAtMs };
  endWhenTokenExpires(timers, caller, (error) => ends.push(error.status));
  timers.pass(60 * 24 * HOUR_MS - 1);
  expect(ends).toEqual([]);
  timers.pass(1);
  expect(ends).toEqual(["UNAUTHENTICATED"]);
});
