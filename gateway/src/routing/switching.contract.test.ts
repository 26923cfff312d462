import { afterEach, beforeEach, describe, expect, test } from "vitest";
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
