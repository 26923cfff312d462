import { systemTimers, type Timers } from "@bifrost/shared/domain/time";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { VirtualTimers } from "../../workflows/testing/virtual-timers.ts";
import type { RunningFirestore } from "../index.ts";
import { startTestFirestore, until } from "../testing/firestore-fixture.ts";
import {
  commit,
  database,
  INITIAL,
  setting,
  startChannelServer,
  told,
  TOKEN_LIFE_MS,
  watching,
} from "../testing/channel-fixture.ts";
import { RawChannel } from "../testing/raw-channel.ts";

const IDLE_MS = 90_000;

let timers: VirtualTimers;
let server: RunningFirestore;
beforeEach(async () => {
  timers = new VirtualTimers();
  server = await startChannelServer(timers);
});
afterEach(() => server.stop());

const listen = (path = "items/a"): Promise<RawChannel> =>
  RawChannel.open(server.port, [watching(path)]);

async function untilForgotten(): Promise<void> {
  await until(() => server.info()["webChannels"] === 0, "the channel was forgotten");
}

describe("a channel ends", () => {
  test.each(["POST", "GET"])("when the page says so by %s", async (method) => {
    const channel = await listen();
    const held = await channel.hold();
    await held.take(INITIAL);
    expect((await channel.terminate(method)).status).toBe(200);
    await held.untilOver();
    await untilForgotten();
    expect(await channel.send([], 1)).toMatch(/^400 .+Unknown SID/);
  });

  test("90 s after its back channel is gone, and not while there is one", async () => {
    const channel = await listen();
    const held = await channel.hold();
    await held.take(INITIAL);
    timers.pass(2 * IDLE_MS);
    expect(server.info()["webChannels"]).toBe(1);
    held.hangUp();
    await until(() => held.isOver, "the page hung up");
    const isHeld = async (): Promise<unknown> => ((await channel.send([], 1)) as unknown[])[0];
    await expect.poll(isHeld).toBe(0);
    timers.pass(IDLE_MS - 1);
    expect(server.info()["webChannels"]).toBe(1);
    timers.pass(1);
    expect(server.info()["webChannels"]).toBe(0);
  });

  test("90 s after its opening when nobody ever fetches", async () => {
    await listen();
    timers.pass(IDLE_MS);
    expect(server.info()["webChannels"]).toBe(0);
  });

  test("its call does when the token expires; the page hears that and comes again", async () => {
    const channel = await listen();
    const held = await channel.hold();
    await held.take(INITIAL);
    timers.pass(TOKEN_LIFE_MS - 1);
    await commit(server, "items/a", 1);
    await until(() => told(held.messages).length === 1, "the last change");
    timers.pass(1);
    await until(() => JSON.stringify(held.messages).includes("error"), "the end of the call");
    expect(held.messages.at(-1)).toMatchObject([
      expect.any(Number),
      [{ error: { code: 401, status: "UNAUTHENTICATED", message: "The ID token has expired." } }],
    ]);
    await commit(server, "items/a", 2);
    expect(told(held.messages)).toEqual([1]);
  });

  test("and leaves no timer behind, neither its own nor its call's", async () => {
    const active = new Set<object>();
    const counted: Timers = {
      ...systemTimers,
      after(delayMs, task) {
        const timer = systemTimers.after(delayMs, () => {
          active.delete(timer);
          task();
        });
        active.add(timer);
        return {
          cancel: () => {
            active.delete(timer);
            timer.cancel();
          },
        };
      },
    };
    const other = await startTestFirestore({ timers: counted });
    const before = active.size;
    const channel = await RawChannel.open(other.port, [watching("items/a")]);
    const held = await channel.hold();
    await held.take(INITIAL);
    // To notice silence, on the listener and on the channel, and the end of the token.
    expect(active.size).toBe(before + 3);
    await channel.terminate();
    await held.untilOver();
    expect(active.size).toBe(before);
    await other.stop();
  });

  test("when the server stops", async () => {
    const held = await (await listen()).hold();
    await held.take(INITIAL);
    await server.stop();
    await until(() => held.isOver, "the back channel ended");
    expect(server.info()["webChannels"]).toBe(0);
  });
});

describe("a channel belongs to the page that opened it", () => {
  const origin = "http://localhost:4200";

  test("a page from elsewhere cannot use it even if it knows the id", async () => {
    const channel = await RawChannel.open(server.port, [{ database }], {
      rpc: "Write",
      headers: { origin },
    });
    const elsewhere = channel.as({ headers: { origin: "http://localhost:4201" } });
    expect(await elsewhere.send([setting("items/a", 1)], 1)).toMatch(/^400 .+Unknown SID/);
    expect((await elsewhere.terminate()).status).toBe(400);
    expect((await elsewhere.ask("GET", { SID: channel.sid, RID: "rpc", AID: "0" })).status).toBe(
      400,
    );
    // A page's GET to its own origin carries no such header.
    const held = await channel.as({ headers: {} }).hold();
    expect(await held.take(1)).toMatchObject([[1, [{ streamId: expect.any(String) }]]]);
    await channel.send([setting("items/a", 1)], 1);
    await held.take(2);
  });

  test("it is good for the RPC it was opened for", async () => {
    const channel = await listen();
    expect(await channel.as({ rpc: "Write" }).send([], 1)).toMatch(/^400 .+Unknown SID/);
  });

  test("later requests speak for its caller, whatever token they bring", async () => {
    const channel = await RawChannel.open(server.port, [{ database }], {
      rpc: "Write",
      authorization: "Bearer user-eve",
    });
    const asOwner = channel.as({ rpc: "Write", headers: { authorization: "Bearer owner" } });
    await asOwner.send([setting("items/a", 1)], 1);
    expect((await (await channel.hold()).take(2))[1]).toMatchObject([
      2,
      [{ error: { status: "PERMISSION_DENIED" } }],
    ]);
  });
});
