import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { VirtualTimers } from "../../workflows/testing/virtual-timers.ts";
import type { RunningFirestore } from "../index.ts";
import { ROOT, until } from "../testing/firestore-fixture.ts";
import {
  commit,
  database,
  INITIAL,
  setting,
  startChannelServer,
  told,
  watching,
} from "../testing/channel-fixture.ts";
import { type HeldAnswer, type Numbered, RawChannel } from "../testing/raw-channel.ts";

const NOOP_MS = 20_000;

let timers: VirtualTimers;
let server: RunningFirestore;
beforeEach(async () => {
  timers = new VirtualTimers();
  server = await startChannelServer(timers);
});
afterEach(() => server.stop());

const listen = (path = "items/a"): Promise<RawChannel> =>
  RawChannel.open(server.port, [watching(path)]);

const ids = (messages: readonly Numbered[]): number[] => messages.map(([id]) => id);
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

describe("opening", () => {
  test("the answer names the channel, the protocol and the silence to expect", async () => {
    const channel = new RawChannel(server.port, {});
    const { status, headers, text } = await channel.ask("POST", {}, "count=0");
    expect(status).toBe(200);
    const [length, json = ""] = text.split("\n");
    expect(Number(length)).toBe(json.length);
    expect(JSON.parse(json)).toEqual([
      [0, ["c", expect.stringMatching(/^[\w-]{22}$/), "", 8, 12, 30_000]],
    ]);
    expect(headers["content-type"]).toBe("text/plain; charset=utf-8");
    expect(headers["x-content-type-options"]).toBe("nosniff");
  });

  test("the first messages may come along, and their answers wait for the back channel", async () => {
    const channel = await RawChannel.open(server.port, [
      watching("items/a"),
      watching("items/b", 2),
    ]);
    const held = await channel.hold();
    const messages = await held.take(2 * INITIAL);
    expect(ids(messages)).toEqual(upTo(2 * INITIAL));
    expect(messages[0]).toEqual([
      1,
      [{ targetChange: { targetChangeType: "ADD", targetIds: [1] } }],
    ]);
    expect(held.response.headers["cache-control"]).toBe("private, max-age=0");
  });

  test("the token in the form's headers is the caller; without one the caller is anonymous", async () => {
    const ada = await (await listen()).hold();
    expect(JSON.stringify(await ada.take(INITIAL))).not.toContain("cause");
    const anonymous = new RawChannel(server.port, {});
    const opened = await anonymous.ask(
      "POST",
      {},
      `count=1&req0___data__=${encodeURIComponent(JSON.stringify(watching("items/a")))}`,
    );
    const sid = /"c","([^"]+)"/.exec(opened.text)?.[1] ?? "";
    const held = await anonymous.hold(0, { SID: sid });
    expect((await held.take(2))[1]).toMatchObject([
      2,
      [{ targetChange: { targetChangeType: "REMOVE", cause: { code: 7 } } }],
    ]);
  });

  test.each([
    ["a token that is not believed", { authorization: "Bearer nonsense" }],
    ["two tokens", { headers: { authorization: "Bearer user-eve" } }],
  ])("%s is told inside the channel, where the client looks for it", async (_what, options) => {
    const channel = await RawChannel.open(server.port, [watching("items/a")], options);
    const held = await channel.hold();
    expect(await held.take(1)).toMatchObject([
      [1, [{ error: { code: 401, status: "UNAUTHENTICATED" } }]],
    ]);
  });
});

describe("the back channel", () => {
  test("what one GET missed, the next one gets again", async () => {
    const channel = await listen();
    const first = await channel.hold();
    const messages = await first.take(INITIAL);
    first.hangUp();
    const second = await channel.hold(0);
    expect(await second.take(INITIAL)).toEqual(messages);
    const third = await channel.hold(2);
    expect(await third.take(2)).toEqual(messages.slice(2));
    await commit(server, "items/a", 7);
    expect(told(await third.take(4))).toEqual([7]);
    expect(ids(third.messages)).toEqual([3, 4, 5, 6]);
  });

  test("what is acknowledged, by a GET or by a POST, is kept no longer", async () => {
    const channel = await listen();
    const [isHeld, newest, unheard] = (await channel.send([], 1)) as number[];
    expect([isHeld, newest]).toEqual([0, INITIAL]);
    expect(unheard).toBeGreaterThan(100);
    expect(await channel.send([], 1, INITIAL)).toEqual([0, INITIAL, 0]);
    const held = await channel.hold(0);
    // Nothing is left to send but the sign that the channel streams.
    expect(await held.take(1)).toEqual([[INITIAL + 1, ["noop"]]]);
  });

  test("what a page cannot have seen is no acknowledgement", async () => {
    const channel = await listen();
    expect(await channel.send([], 1, 99)).toContain("'AID' is 99, but 4 is the newest message");
    await expect(
      channel.ask("GET", { SID: channel.sid, RID: "rpc", AID: "99" }),
    ).resolves.toMatchObject({
      status: 400,
    });
    expect(await channel.send([], 1, INITIAL)).toEqual([0, INITIAL, 0]);
  });

  test("a streamed answer says something at once and every 20 s, and stays", async () => {
    const channel = await RawChannel.open(server.port, [{ database }], { rpc: "Write" });
    await channel.send([], 1, 1);
    const held = await channel.hold(1);
    expect(await held.take(1)).toEqual([[2, ["noop"]]]);
    for (const count of [2, 3, 4]) {
      timers.pass(NOOP_MS - 1);
      expect(held.messages).toHaveLength(count - 1);
      timers.pass(1);
      expect((await held.take(count)).at(-1)).toEqual([1 + count, ["noop"]]);
    }
    expect(held.isOver).toBe(false);
    expect(await channel.send([], 1)).toMatchObject([1, 5, expect.any(Number)]);
  });

  test("with long polling each answer is one delivery, and a wait ends with a sign of life", async () => {
    const channel = await listen();
    const poll = (acknowledged: number, more = {}): Promise<HeldAnswer> =>
      channel.hold(acknowledged, { CI: "1", ...more });
    expect(ids(await (await poll(0)).untilOver())).toEqual(upTo(INITIAL));
    const waiting = await poll(INITIAL);
    await commit(server, "items/a", 1);
    expect(told(await waiting.untilOver())).toEqual([1]);
    const quiet = await poll(6);
    timers.pass(NOOP_MS);
    expect(await quiet.untilOver()).toEqual([[7, ["noop"]]]);
    const impatient = await poll(7, { TO: "6000" });
    timers.pass(6000);
    expect(await impatient.untilOver()).toEqual([[8, ["noop"]]]);
  });

  test.each(["0", "1"])("a page cannot make a busy loop of its waits (CI=%s)", async (CI) => {
    const channel = await RawChannel.open(server.port, [{ database }], { rpc: "Write" });
    await channel.send([], 1, 1);
    const held = await channel.hold(1, { CI, TO: "0" });
    const before = (await channel.send([], 1)) as number[];
    timers.pass(4999);
    expect(await channel.send([], 1)).toEqual(before);
    timers.pass(1);
    await until(
      () => JSON.stringify(held.messages.at(-1)) === `[${Number(before[1]) + 1},["noop"]]`,
      "a noop",
    );
  });

  test("a new one replaces the one before", async () => {
    const channel = await listen();
    const first = await channel.hold(0);
    await first.take(INITIAL);
    const second = await channel.hold(INITIAL);
    await first.untilOver();
    await commit(server, "items/a", 1);
    expect(told(await second.take(3))).toEqual([1]);
    expect(await channel.send([], 1)).toMatchObject([1, 7, expect.any(Number)]);
  });

  test("text of any script arrives as ASCII", async () => {
    const channel = await RawChannel.open(server.port, [{ database }], { rpc: "Write" });
    const text = "é漢😀\u2028";
    const writes = [{ update: { name: `${ROOT}/items/a`, fields: { t: { stringValue: text } } } }];
    await channel.send([{ writes }], 1);
    expect(server.read("items/a")?.fields["t"]).toEqual({ stringValue: text });
    const held = await (await listen()).hold();
    expect(JSON.stringify(await held.take(INITIAL))).toContain(text);
  });
});

describe("the forward channel", () => {
  test("commits are answered in order, and a POST that comes twice counts once", async () => {
    const channel = await RawChannel.open(server.port, [{ database }], { rpc: "Write" });
    const held = await channel.hold();
    expect(await held.take(1)).toMatchObject([[1, [{ streamId: expect.any(String) }]]]);
    const messages = [setting("items/a", 1), setting("items/b", 2)];
    await channel.send(messages, 1);
    await channel.send(messages, 1);
    // The first one again, with a new one behind it.
    await channel.send([setting("items/b", 2), setting("items/c", 3)], 2);
    const answers = (await held.take(4)).slice(1);
    expect(answers).toMatchObject(
      [2, 3, 4].map((id) => [id, [{ writeResults: [{}], commitTime: expect.any(String) }]]),
    );
    expect(server.lastSequence()).toBe(3);
  });

  test("messages that were skipped end the channel: the client starts over and loses none", async () => {
    const channel = await RawChannel.open(server.port, [{ database }], { rpc: "Write" });
    expect(await channel.send([setting("items/a", 1)], 2)).toMatch(/^400 .+Unknown SID/);
    expect(await channel.send([setting("items/a", 1)], 1)).toMatch(/^400 .+Unknown SID/);
    expect(server.lastSequence()).toBe(0);
  });

  test("a refused write, and a request that makes no sense, end the call and say why", async () => {
    const write = await RawChannel.open(server.port, [{ database }], { rpc: "Write" });
    await write.send([setting("sealed/a", 1), setting("items/a", 1)], 1);
    expect(await (await write.hold()).take(2)).toMatchObject([
      [1, [{}]],
      [2, [{ error: { code: 403, status: "PERMISSION_DENIED", message: expect.any(String) } }]],
    ]);
    expect(server.lastSequence()).toBe(0);
    const listening = await RawChannel.open(server.port, [{ database }]);
    expect(await (await listening.hold()).take(1)).toMatchObject([
      [1, [{ error: { code: 400, status: "INVALID_ARGUMENT" } }]],
    ]);
  });

  test("a refused listener is told so, and the channel goes on", async () => {
    const channel = await listen("sealed/a");
    await channel.send([watching("items/a", 2)], 1);
    const messages = await (await channel.hold()).take(2 + INITIAL);
    expect(messages[1]).toMatchObject([
      2,
      [{ targetChange: { targetChangeType: "REMOVE", targetIds: [1], cause: { code: 7 } } }],
    ]);
  });
});
