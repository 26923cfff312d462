import { expect, test } from "vitest";
import type { StartCore } from "../testing/fake-host.ts";
import { answeringApp, scene } from "../testing/scene.ts";

const REQUEST = "GET /anything HTTP/1.1\r\nHost: x\r\n\r\n";

export function livenessContract(startCore: StartCore): void {
  const live = () => {
    const made = scene(
      answeringApp(() => 200),
      { LIVENESS_PORT: "8081" },
    );
    made.host.start(startCore);
    made.host.run(500);
    return made.host;
  };

  test.each([
    ["at once", [REQUEST]],
    ["in pieces", REQUEST.split("")],
    ["with bare line ends", ["GET / HTTP/1.0\n\n"]],
  ])("a request that comes %s is answered", (_how, pieces) => {
    const host = live();
    const visitor = host.visit();
    for (const piece of pieces) {
      visitor.reply(piece);
      host.run(host.now + 1);
    }
    expect(visitor.received.toString()).toBe(
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
    );
    expect(visitor.isClosed).toBe(true);
  });

  test("half a request is not answered, and closed after a second", () => {
    const host = live();
    const visitor = host.visit();
    visitor.reply("GET / HTTP/1.1\r\n");
    host.run(1400);
    expect(visitor.isClosed).toBe(false);
    host.run(1501);
    expect(visitor.isClosed).toBe(true);
    expect(visitor.received).toHaveLength(0);
  });

  test("a visitor that does not read its answer is closed after a second", () => {
    const host = live();
    const visitor = host.visit();
    visitor.window = 3;
    visitor.reply(REQUEST);
    host.run(1501);
    expect(visitor.isClosed).toBe(true);
  });

  test.each([
    [
      "a head without end",
      (visitor: ReturnType<ReturnType<typeof live>["visit"]>) => visitor.reply("x".repeat(10_000)),
    ],
    ["an end", (visitor: ReturnType<ReturnType<typeof live>["visit"]>) => visitor.end()],
    ["a reset", (visitor: ReturnType<ReturnType<typeof live>["visit"]>) => visitor.reset()],
  ])("%s closes the connection", (_what, act) => {
    const host = live();
    const visitor = host.visit();
    act(visitor);
    host.run(510);
    expect(visitor.isClosed).toBe(true);
    expect(visitor.received).toHaveLength(0);
  });

  test("of many visitors two are served at a time, and all in turn", () => {
    const host = live();
    const slow = [host.visit(), host.visit()];
    const others = Array.from({ length: 5 }, () => host.visit());
    for (const visitor of others) visitor.reply(REQUEST);
    host.run(1400);
    expect(host.openHandles()).toBe(4);
    expect(others.some(({ received }) => received.length > 0)).toBe(false);
    host.run(1600);
    expect(slow.every(({ isClosed }) => isClosed)).toBe(true);
    expect(others.every(({ received }) => received.toString().endsWith("ok"))).toBe(true);
  });

  test("a visitor that cannot be let in does not keep it awake, and is answered once it can", () => {
    const host = live();
    host.isExhausted = true;
    const visitor = host.visit();
    visitor.reply(REQUEST);
    const before = host.steps;
    host.run(2600);
    expect(host.steps - before).toBeLessThan(100);
    host.isExhausted = false;
    host.run(4000);
    expect(visitor.received.toString()).toMatch(/ok$/);
  });

  test("without a port nothing listens", () => {
    const { host } = scene(answeringApp(() => 200));
    host.start(startCore);
    expect(() => host.visit()).toThrow("nothing listens");
  });
}
