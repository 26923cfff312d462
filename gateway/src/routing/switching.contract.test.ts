import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LIVE_TARGET } from "@bifrost/shared/domain/route";
import { GET, HOST, ProxyRig } from "../testing/proxy-rig.ts";
import { eventually } from "../testing/test-gateway.ts";

let rig: ProxyRig;

beforeEach(async () => {
  rig = await ProxyRig.start();
});

afterEach(() => rig.stop());

/** A release that takes a moment and names itself. */
function versioned(name: string) {
  return rig.httpReplica((request, response) => {
    request.resume().on("end", () => setTimeout(() => response.end(name), 3));
  });
}

describe("switching releases", () => {
  test("not one request fails while the live pointer moves and the old release drains", async () => {
    const first = await versioned("first");
    rig.running.setBackends({ first: [first.address] });
    rig.running.setRoutes({ [HOST]: {} }, { project: "first" });
    const answers: string[] = [];
    const over = new AbortController();
    const load = Array.from({ length: 8 }, async () => {
      const c = await rig.client();
      for (let i = 1; !over.signal.aborted; i++) {
        const method = i % 2 === 0 ? "POST" : "GET";
        c.send(`${method} / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 0\r\n\r\n`);
        const text = await c.until(
          (all) => /\r\n\r\n(?:first|second)$/.test(all) && all.split("HTTP/1.1 ").length === i + 1,
        );
        answers.push(text.slice(text.lastIndexOf("HTTP/1.1 ")));
      }
      c.socket.destroy();
    });
    await eventually("the first release answers", () => answers.length > 50);
    rig.running.setRoutes({ [HOST]: {} }, { project: "second" });
    const before = answers.length;
    await eventually("it goes on before the second is ready", () => answers.length > before + 50);
    expect(answers.every((answer) => answer.endsWith("first"))).toBe(true);
    const second = await versioned("second");
    rig.running.setBackends({ first: [first.address], second: [second.address] });
    await eventually(
      "the second release answers",
      () => answers.at(-1)?.endsWith("second") === true,
    );
    rig.running.setBackends({ second: [second.address] });
    await eventually("no client is still served by the first", () =>
      answers.slice(-16).every((answer) => answer.endsWith("second")),
    );
    first.close();
    const after = answers.length;
    await eventually("the second goes on alone", () => answers.length > after + 50);
    over.abort();
    await Promise.all(load);
    expect(answers.filter((answer) => !answer.startsWith("HTTP/1.1 200 OK"))).toEqual([]);
  });

  test("a canary that goes from 0 to 10, 50, 100 and back to 0 percent fails no request and keeps its visitors", async () => {
    const [stable, canary] = [await versioned("stable"), await versioned("canary")];
    rig.running.setBackends({ stable: [stable.address], canary: [canary.address] });
    const at = (percent: number) =>
      rig.running.setRoutes(
        {
          [HOST]: {
            targets: [
              { deploymentId: LIVE_TARGET, weight: 100 - percent },
              { deploymentId: "canary", name: "canary", weight: percent },
            ],
            stickiness: { by: "cookie", name: "visitor" },
          },
        },
        { project: "stable" },
      );
    at(0);
    const over = new AbortController();
    const visits: { visitor: number; answer: string }[] = [];
    const load = Array.from({ length: 8 }, async (_, lane) => {
      const c = await rig.client();
      for (let i = 1; !over.signal.aborted; i++) {
        const visitor = lane * 25 + (i % 25);
        c.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nCookie: visitor=v${visitor}\r\n\r\n`);
        const text = await c.until(
          (all) =>
            /\r\n\r\n(?:stable|canary)$/.test(all) && all.split("HTTP/1.1 ").length === i + 1,
        );
        visits.push({ visitor, answer: text.slice(text.lastIndexOf("HTTP/1.1 ")) });
      }
      c.socket.destroy();
    });
    /** Who is on the canary, once every visitor has been here since the last change; fails when one was on both. */
    const onCanary = async (): Promise<ReadonlySet<number>> => {
      const from = visits.length + 8;
      const placed = new Map<number, boolean>();
      await eventually("every visitor came again", () => visits.length > from + 8 * 25 * 2, 20_000);
      for (const { visitor, answer } of visits.slice(from)) {
        const isOnCanary = answer.endsWith("canary");
        expect(placed.get(visitor) ?? isOnCanary).toBe(isOnCanary);
        placed.set(visitor, isOnCanary);
      }
      expect(placed.size).toBe(200);
      return new Set([...placed].flatMap(([visitor, isOn]) => (isOn ? [visitor] : [])));
    };
    const counts: number[] = [];
    let before: ReadonlySet<number> = new Set();
    for (const percent of [0, 10, 50, 100]) {
      at(percent);
      const now = await onCanary();
      expect([...before].filter((visitor) => !now.has(visitor))).toEqual([]);
      counts.push(now.size);
      before = now;
    }
    at(0);
    counts.push((await onCanary()).size);
    over.abort();
    await Promise.all(load);
    expect(counts).toEqual([0, expect.any(Number), expect.any(Number), 200, 0]);
    expect(Math.abs((counts[1] ?? 0) - 20)).toBeLessThan(15);
    expect(Math.abs((counts[2] ?? 0) - 100)).toBeLessThan(35);
    expect(visits.filter(({ answer }) => !answer.startsWith("HTTP/1.1 200 OK"))).toEqual([]);
    expect(visits.filter(({ answer }) => /set-cookie/i.test(answer))).toEqual([]);
  });

  test("a canary whose replicas all go leaves its visitors to the others, without one failed request", async () => {
    const stable = await versioned("stable");
    const targets = [
      { deploymentId: LIVE_TARGET, weight: 1 },
      { deploymentId: "canary", name: "canary", weight: 99 },
    ];
    rig.running.setRoutes({ [HOST]: { targets } }, { project: "stable" });
    rig.running.setBackends({ stable: [stable.address] });
    const c = await rig.client();
    c.send(GET);
    expect(await c.until((text) => text.endsWith("stable"))).toContain("200 OK");
  });

  test("a new visitor of a split by cookie is given one, and stays where it leads", async () => {
    const [one, two] = [await versioned("one"), await versioned("two")];
    rig.running.setBackends({ one: [one.address], two: [two.address] });
    const targets = ["one", "two"].map((deploymentId) => ({ deploymentId, weight: 1 }));
    const stickiness = { by: "cookie", name: "visitor" } as const;
    rig.running.setRoutes({ [HOST]: { targets, stickiness } }, {});
    const ids = new Set<string>();
    for (let i = 0; i < 10; i++) {
      const c = await rig.client();
      c.send(GET);
      const first = await c.until((text) => /\r\n\r\n(?:one|two)$/.test(text));
      const [, id = ""] =
        /\r\nset-cookie: visitor=([\w-]{16}); Path=\/; Max-Age=2592000; HttpOnly; SameSite=Lax\r\n/.exec(
          first,
        ) ?? [];
      expect(id).not.toBe("");
      ids.add(id);
      c.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nCookie: a=b; visitor=${id}\r\n\r\n`);
      const both = await c.until((text) => /\r\n\r\n(?:one|two)HTTP[^]*\r\n\r\n\w+$/.test(text));
      expect(both.slice(-3)).toBe(first.slice(-3));
      expect(both.match(/set-cookie/gi)).toHaveLength(1);
      c.socket.destroy();
    }
    expect(ids.size).toBe(10);
  });

  test("a gateway that starts while every replica of the live release fails serves the one before", async () => {
    const former = await rig.httpReplica((_request, response) => response.end("former"));
    rig.running.setRoutes({ [HOST]: {} }, { project: "bad" }, { project: "good" });
    rig.running.setBackends({ good: [former.address], bad: [] });
    const c = await rig.client();
    c.send(GET);
    expect(await c.until((text) => text.includes("former"))).toContain("200 OK");
  });

  test("a deployment is reachable by its own host before it is live", async () => {
    const preview = await rig.httpReplica((_request, response) => response.end("preview"));
    rig.running.setBackends({ abcdefghij: [preview.address] });
    const c = await rig.client();
    c.send("GET / HTTP/1.1\r\nHost: abcdefghij.test.local\r\n\r\n");
    expect(await c.until((text) => text.includes("preview"))).toContain("200 OK");
  });

  test.each([
    ["/", "unknown.test.local", 404],
    ["/", "neverdeployed.test.local", 503],
    ["/", "gone0000000000.test.local", 404],
    ["/", "test.local", 404],
    ["/", "127.0.0.1", 404],
    ["http://other.test/", HOST, 404],
  ])(
    "%s on %s, which nothing serves, is answered at once with %i",
    async (target, host, status) => {
      rig.serve(await rig.httpReplica((_request, response) => response.end("ok")));
      rig.running.setRoutes(
        { [HOST]: {}, "neverdeployed.test.local": { projectId: "new" } },
        { project: "first" },
      );
      const c = await rig.client();
      c.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      const answer = await c.until((text) => text.endsWith("}\n"));
      expect(answer).toContain(`HTTP/1.1 ${status} `);
      c.send(GET);
      expect(await c.until((text) => text.endsWith("ok"))).toContain("200 OK");
    },
  );

  test("stopping lets a response under way end and refuses new connections", async () => {
    let finish: (() => void) | undefined;
    rig.serve(await rig.httpReplica((_q, response) => (finish = () => response.end("done"))));
    const c = await rig.client();
    c.send(GET);
    await eventually("the request is at the replica", () => finish !== undefined);
    const stopped = rig.running.gateway.stop(5000);
    await expect(rig.client()).rejects.toThrow("ECONNREFUSED");
    finish?.();
    expect(await c.closed()).toMatch(/connection: close\r\n\r\ndone$/);
    await stopped;
  });
});
