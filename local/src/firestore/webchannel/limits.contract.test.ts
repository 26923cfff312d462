import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RunningFirestore } from "../index.ts";
import { ROOT, startTestFirestore, until } from "../testing/firestore-fixture.ts";
import { formOf, type HeldAnswer, RawChannel } from "../testing/raw-channel.ts";

const MIB = 1024 * 1024;
const SESSIONS_PER_CALLER = 100;
const ANSWER_BYTES = MIB;

let server: RunningFirestore;
beforeEach(async () => {
  server = await startTestFirestore();
});
afterEach(() => server.stop());

const database = ROOT.slice(0, -"/documents".length);

const message = (text: string): string => `count=1&ofs=1&req0___data__=${text}`;

/** Listens to one document in as many forms as there are targets: each commit is told once for each. */
const watchers = (count: number): object[] =>
  Array.from({ length: count }, (_, index) => ({
    database,
    addTarget: {
      targetId: index + 1,
      query: {
        parent: ROOT,
        structuredQuery: {
          from: [{ collectionId: "large" }],
          select: { fields: [{ fieldPath: "text" }] },
        },
      },
    },
  }));

function writing(headers: Record<string, string> = {}): Promise<RawChannel> {
  return RawChannel.open(server.port, [{ database }], { rpc: "Write", headers });
}

describe("what is no part of the protocol is refused, and the channel lives on", () => {
  test.each<[string, string, Record<string, string>, string, number, RegExp]>([
    ["another version", "POST", { VER: "9" }, message("{}"), 400, /VER/],
    ["a method of its own", "PUT", {}, message("{}"), 400, /PUT is neither/],
    ["a GET that is no back channel", "GET", { RID: "1" }, "", 400, /GET is neither/],
    [
      "an AID that is no number",
      "GET",
      { RID: "rpc", AID: "-1" },
      "",
      400,
      /'AID' must be a count/,
    ],
    [
      "a wait that is no number",
      "GET",
      { RID: "rpc", TO: "soon" },
      "",
      400,
      /'TO' must be a count/,
    ],
    [
      "an unknown channel",
      "POST",
      { SID: "AAAAAAAAAAAAAAAAAAAAAA" },
      message("{}"),
      400,
      /.Unknown SID/,
    ],
    ["an unknown channel's back channel", "GET", { SID: "x", RID: "rpc" }, "", 400, /.Unknown SID/],
    ["an unknown channel's end", "POST", { SID: "x", TYPE: "terminate" }, "", 400, /.Unknown SID/],
    ["no form", "POST", {}, "", 400, /'count'/],
    ["bytes of no meaning", "POST", {}, "\u0000\u00ff%%%&&&==", 400, /'count'/],
    ["a negative offset", "POST", {}, "count=0&ofs=-1", 400, /'ofs'/],
    [
      "fewer messages than counted",
      "POST",
      {},
      "count=2&ofs=1&req0___data__={}",
      400,
      /'count' says 2, .* 1 /,
    ],
    [
      "more messages than counted",
      "POST",
      {},
      "count=0&ofs=1&req0___data__={}",
      400,
      /'count' says 0/,
    ],
    [
      "too many messages",
      "POST",
      {},
      formOf(
        Array.from({ length: 1001 }, () => ({})),
        1,
      ),
      400,
      /at most 1000/,
    ],
    ["a message that is no JSON", "POST", {}, message("{"), 400, /must be a JSON object/],
    ["a message that is no object", "POST", {}, message("[1]"), 400, /must be a JSON object/],
    ["a body beyond 10 MiB", "POST", {}, message("x".repeat(10 * MIB)), 400, /exceeds the limit/],
  ])("%s", async (_what, method, parameters, body, status, text) => {
    const channel = await writing();
    const answer = await channel.ask(method, { SID: channel.sid, RID: "5", ...parameters }, body);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(text);
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code: status } });
    expect(await channel.send([{ writes: [] }], 1)).toMatchObject([
      0,
      expect.any(Number),
      expect.any(Number),
    ]);
    const held = await channel.hold();
    expect(await held.take(2)).toMatchObject([
      [1, [{ streamId: expect.any(String) }]],
      [2, [{ commitTime: expect.any(String) }]],
    ]);
  });

  test.each(["Commit", "RunQuery", "toString"])("a channel for %s", async (rpc) => {
    const { status, text } = await new RawChannel(server.port, { rpc }).ask("POST", {}, "count=0");
    expect([status, text]).toEqual([501, expect.stringContaining(`${rpc} is no two-way call`)]);
    expect(server.info()["webChannels"]).toBe(0);
  });
});

test("a caller has at most 100 channels: those nobody fetches from make room, held ones do not", async () => {
  const channels: RawChannel[] = [];
  const held: HeldAnswer[] = [];
  for (let count = 0; count < SESSIONS_PER_CALLER; count += 1) {
    // As many browsers: none of them has to take turns.
    const channel = await writing({ "user-agent": `browser ${count}` });
    channels.push(channel);
    if (count !== 50) held.push(await channel.hold());
  }
  const another = await writing();
  expect(server.info()["webChannels"]).toBe(SESSIONS_PER_CALLER);
  expect(await channels[50]?.send([], 1)).toMatch(/Unknown SID/);
  held.push(await another.hold());
  const refused = await new RawChannel(server.port, { rpc: "Write" }).ask(
    "POST",
    {},
    formOf([{ database }], 0, "Bearer user-ada"),
  );
  expect([refused.status, refused.text]).toEqual([
    429,
    expect.stringContaining("RESOURCE_EXHAUSTED"),
  ]);
  // Somebody else is not concerned.
  await RawChannel.open(server.port, [{ database }], {
    rpc: "Write",
    authorization: "Bearer user-eve",
  });
  expect(server.info()["webChannels"]).toBe(SESSIONS_PER_CALLER + 1);
});

describe("a page that does not read", () => {
  /** Documents of just under the largest size. */
  const TEXT = "x".repeat(1_000_000);

  async function write(path: string): Promise<void> {
    const fields = { text: { stringValue: TEXT }, n: { integerValue: server.lastSequence() } };
    const response = await fetch(`http://127.0.0.1:${server.port}/v1/${ROOT}:commit`, {
      method: "POST",
      headers: { authorization: "Bearer owner" },
      body: JSON.stringify({ writes: [{ update: { name: `${ROOT}/${path}`, fields } }] }),
    });
    expect(response.status).toBe(200);
  }

  async function commitsUntilForgotten(): Promise<number> {
    let commits = 0;
    for (; server.info()["webChannels"] === 1 && commits < 20; commits += 1) await write("large/a");
    return commits;
  }

  test.each(["fetches nothing at all", "holds an answer and takes nothing from it"])(
    "and %s loses its channel before 64 MiB are kept for it, and nothing of it stays behind",
    async (how) => {
      // What all channels together may keep would not be enough for five.
      for (let round = 0; round < 5; round += 1) {
        const channel = await RawChannel.open(server.port, watchers(10));
        const held = how.startsWith("holds") ? await channel.hold() : undefined;
        held?.response.pause();
        // Each commit, of a megabyte, is told ten times.
        const commits = await commitsUntilForgotten();
        expect(commits).toBeGreaterThanOrEqual(6);
        expect(commits).toBeLessThan(10);
        expect(await channel.send([], 10)).toMatch(/^400 .+Unknown SID/);
        held?.hangUp();
      }
    },
  );

  test("an answer ends after a MiB, and the following ones bring the rest, once and in order", async () => {
    for (let index = 0; index < 8; index += 1) await write(`large/${index}`);
    const channel = await RawChannel.open(server.port, watchers(1));
    const ids: number[] = [];
    let answers = 0;
    while (ids.length < 11) {
      const held = await channel.hold(ids.at(-1) ?? 0);
      answers += 1;
      await until(() => held.isOver || held.messages.length + ids.length >= 11, "the answer");
      expect(held.size).toBeLessThan(2 * ANSWER_BYTES + 1000);
      ids.push(...held.messages.map(([id]) => id));
    }
    expect(ids).toEqual(Array.from({ length: 11 }, (_, index) => index + 1));
    expect(answers).toBeGreaterThanOrEqual(4);
  });
});
