import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FakeServer } from "../../testing/fake-connection.ts";
import type { StartCore } from "../../testing/fake-host.ts";
import { answer, answeringApp, APP_PORT, appThat, scene } from "../../testing/scene.ts";

const HALF_A_HEAD = "HTTP/1.1 200 OK\r\nContent-Le";
/** A head of so many bytes. */
const headOf = (bytes: number) => `${"HTTP/1.1 200 OK\r\nx: ".padEnd(bytes - 4, "y")}\r\n\r\n`;

const probeTimes = (host: { opened: readonly { port: number; at: number }[] }) =>
  host.opened.filter(({ port }) => port === APP_PORT).map(({ at }) => at);

export function probingContract(startCore: StartCore): void {
  test("it probes every 100 ms until two passes in a row, then at its interval", () => {
    let asked = 0;
    const { host, lines } = scene(answeringApp(() => (++asked > 3 ? 200 : 503)));
    host.start(startCore);
    host.run(3500);
    expect(probeTimes(host)).toEqual([0, 100, 200, 300, 400, 1400, 2400, 3400]);
    expect(
      lines.map(({ result, status, passes, healthy }) => [result, status, passes, healthy]),
    ).toEqual([
      [4, 503, 0, false],
      [4, 503, 0, false],
      [4, 503, 0, false],
      [1, 200, 1, false],
      [1, 200, 2, true],
      [1, 200, 3, true],
      [1, 200, 4, true],
      [1, 200, 5, true],
    ]);
  });

  test("a release that is not healthy after a minute is probed once a second", () => {
    const { host } = scene({ onOpen: (connection) => connection.refuse() });
    host.start(startCore);
    host.run(65_000);
    expect(probeTimes(host).slice(599)).toEqual([
      59_900, 60_000, 61_000, 62_000, 63_000, 64_000, 65_000,
    ]);
  });

  test("what speaks against the verdict is confirmed every 250 ms, what failed is looked at every second", () => {
    let status = 200;
    const { host, lines } = scene(
      answeringApp(() => status),
      { PROBE_INTERVAL_MS: "30000" },
    );
    host.start(startCore);
    host.run(1000);
    status = 500;
    host.run(32_000);
    status = 200;
    host.run(70_000);
    expect(probeTimes(host)).toEqual([
      0, 100, 30_100, 30_350, 30_600, 31_600, 32_600, 32_850, 62_850,
    ]);
    expect(lines.map(({ healthy, proven, verdictMs }) => [healthy, proven, verdictMs])).toEqual([
      [false, false, 0],
      [true, true, 0],
      [true, true, 30_000],
      [true, true, 30_250],
      [false, true, 0],
      [false, true, 1000],
      [false, true, 2000],
      [true, true, 0],
      [true, true, 30_000],
    ]);
  });

  test("the thresholds are those of the environment", () => {
    let status = 200;
    const { host, lines } = scene(
      answeringApp(() => status),
      { PROBE_PASSES: "4", PROBE_FAILURES: "1" },
    );
    host.start(startCore);
    host.run(1000);
    status = 500;
    host.run(1500);
    expect(lines.map(({ healthy }) => healthy)).toEqual([false, false, false, true, false]);
  });

  test.each<[string, FakeServer, number, number, boolean]>([
    ["accepts and never answers", { onOpen: (c) => c.accept() }, 3, 500, true],
    ["never accepts", {}, 3, 500, false],
    ["refuses", { onOpen: (c) => c.refuse() }, 2, 0, false],
    ["resets at once", { onOpen: (c) => c.reset() }, 5, 0, false],
    ["accepts and resets", { onOpen: (c) => c.accept(), onData: (c) => c.reset() }, 5, 0, true],
    ["closes at once", { onOpen: (c) => (c.accept(), c.end()) }, 5, 0, true],
    ["takes no bytes", { onOpen: (c) => (c.accept(), (c.window = 0)) }, 3, 500, true],
    ["sends half a status line", appThat((c) => c.reply("HTTP/1.1 20")), 3, 500, true],
    [
      "sends half a status line and closes",
      appThat((c) => (c.reply("HTTP/1.1 20"), c.end())),
      5,
      0,
      true,
    ],
    ["speaks another protocol", appThat((c) => c.reply("SSH-2.0-OpenSSH")), 5, 0, true],
    [
      "answers with a status of four digits",
      appThat((c) => c.reply("HTTP/1.1 2000 X")),
      5,
      0,
      true,
    ],
    [
      "answers 1 ms before the timeout",
      appThat((c, _data, host) => host.after(499, () => c.reply(answer(200)))),
      1,
      499,
      true,
    ],
    [
      "answers after the timeout",
      appThat((c, _data, host) => host.after(501, () => c.reply(answer(200)))),
      3,
      500,
      true,
    ],
    ["sends half a head", appThat((c) => c.reply(HALF_A_HEAD)), 3, 500, true],
    ["sends half a head and closes", appThat((c) => (c.reply(HALF_A_HEAD), c.end())), 5, 0, true],
    ["sends half a head and resets", appThat((c) => (c.reply(HALF_A_HEAD), c.reset())), 5, 0, true],
    [
      "sends the rest of its head after the timeout",
      appThat((c, _data, host) => {
        c.reply(HALF_A_HEAD);
        host.after(501, () => c.reply("ngth: 0\r\n\r\n"));
      }),
      3,
      500,
      true,
    ],
    ["sends half a head that fails", appThat((c) => c.reply("HTTP/1.1 503 X\r\nx: ")), 4, 0, true],
    ["sends a head without end", appThat((c) => c.reply(headOf(1e6))), 5, 0, true],
    ["sends a head of 16 KiB", appThat((c) => c.reply(headOf(16_384))), 1, 0, true],
    ["sends a head of more than 16 KiB", appThat((c) => c.reply(headOf(16_385))), 5, 0, true],
    ["answers and closes", appThat((c) => (c.reply("HTTP/1.0 200 X\n\n"), c.end())), 1, 0, true],
    [
      "answers and never ends its body",
      appThat((c) => c.reply(`HTTP/1.1 200 X\r\n\r\n${"y".repeat(1e6)}`)),
      1,
      0,
      true,
    ],
    ["answers 399", answeringApp(() => 399), 1, 0, true],
    ["answers 400", answeringApp(() => 400), 4, 0, true],
    ["answers 101", answeringApp(() => 101), 4, 0, true],
    ["answers 199 and nothing after it", answeringApp(() => 199), 3, 500, true],
    [
      "sends an early hint and then answers",
      appThat((c) => c.reply(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${answer(204)}`)),
      1,
      0,
      true,
    ],
    [
      "sends early hints without end",
      appThat((c) => c.reply("HTTP/1.1 103 X\r\n\r\n".repeat(1000))),
      5,
      0,
      true,
    ],
  ])("a target that %s is told by its result", (_name, app, result, latencyMs, connected) => {
    const { host, lines } = scene(app);
    host.start(startCore);
    host.run(5000);
    expect(lines[0]).toMatchObject({ result, latencyMs, connected, passes: result === 1 ? 1 : 0 });
    expect(host.openHandles()).toBeLessThanOrEqual(2);
  });

  test("a passing status without the rest of its head is told as none", () => {
    const { host, lines } = scene(appThat((connection) => connection.reply(HALF_A_HEAD)));
    host.start(startCore);
    host.run(600);
    expect(lines[0]).toMatchObject({ result: 3, status: 0, body: "" });
  });

  test("an answer passes from the last byte of its head on, whatever is in it and however it comes", () => {
    const field = fc.tuple(fc.stringMatching(/^[a-z-]{1,70}$/), fc.stringMatching(/^[ -~]{0,70}$/));
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 399 }),
        fc.array(field, { maxLength: 5 }),
        fc.constantFrom("\r\n", "\n"),
        fc.constantFrom(1, 3, 64, Infinity),
        fc.nat(),
        (status, fields, newline, slice, at) => {
          const first = `HTTP/1.1 ${status} X`;
          const head = [first, ...fields.map((pair) => pair.join(": ")), "", ""].join(newline);
          const resultOf = (sent: string) => {
            const { host, lines } = scene(
              appThat((c) => ((c.slice = slice), c.reply(sent), c.end())),
            );
            host.start(startCore);
            host.run(50);
            return lines[0]?.["result"];
          };
          expect(resultOf(head)).toBe(1);
          // All but the line feed, or less.
          expect(resultOf(head.slice(0, at % head.length))).toBe(5);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("connecting and answering are timed apart", () => {
    const { host, lines } = scene({
      onOpen: (connection) => host.after(30, () => connection.accept()),
      onData: (connection) => host.after(50, () => connection.reply(answer(200))),
    });
    host.start(startCore);
    host.run(400);
    expect(lines[0]).toMatchObject({ connected: true, connectMs: 30, latencyMs: 80 });
  });

  test.each([
    ["127.0.0.1", "Host: 127.0.0.1:8080"],
    ["::1", "Host: [::1]:8080"],
  ])("a target at %s is asked by its address", (address, field) => {
    const { host } = scene(
      answeringApp(() => 200),
      { PROBE_HOST: address, PROBE_PATH: "/a?b=1" },
    );
    host.start(startCore);
    host.run(50);
    expect(host.opened[0]).toMatchObject({ address, port: APP_PORT, mode: 0 });
    expect(host.opened[0]?.connection.received.toString()).toBe(
      `GET /a?b=1 HTTP/1.1\r\n${field}\r\nUser-Agent: bifrost-sidecar\r\nAccept: */*\r\nConnection: close\r\n\r\n`,
    );
  });

  test("a clock that jumps ahead makes one probe, not all it passed over", () => {
    const { host } = scene(answeringApp(() => 200));
    host.start(startCore);
    host.run(2000);
    const before = probeTimes(host).length;
    host.now += 3_600_000;
    host.run(host.now + 500);
    expect(probeTimes(host).length - before).toBe(1);
  });

  describe("the body of a failing answer", () => {
    const head = "HTTP/1.1 503 X\r\n";
    const long = "z".repeat(500);
    test.each<[string, string, string]>([
      ["is quoted", answer(503, "no database"), "no database"],
      ["loses what no line can show", answer(503, "a\r\n\t b\0\x01c\xff\xc3\xa9 d  "), "a bc d"],
      ["keeps quotes and backslashes", answer(503, 'say "no" \\ {}'), 'say "no" \\ {}'],
      ["is cut after 160 characters", answer(503, long), long.slice(0, 160)],
      ["ends where its length says", `${head}content-length:3\r\n\r\nabcdef`, "abc"],
      ["may have no length", `${head}\r\nabc`, "abc"],
      [
        "is put together from its chunks",
        `${head}Transfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n0A\r\n def ghi j\r\n0\r\n\r\n`,
        "abc def ghi j",
      ],
      ["is nothing within a head that never ends", `${head}x: ${long.repeat(20)}`, ""],
      ["is nothing of an answer that passes", answer(200, "fine"), ""],
    ])("%s", (_name, response, body) => {
      const { host, lines } = scene(appThat((connection) => connection.reply(response)));
      host.start(startCore);
      host.run(450);
      expect(lines[0]?.["body"]).toBe(body);
    });

    test.each([
      ["its last byte", "Content-Length: 2\r\n\r\nno"],
      ["its last chunk", "Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"],
    ])("is not waited for any longer after %s", (_what, rest) => {
      const { host, lines } = scene(appThat((connection) => connection.reply(head + rest)));
      host.start(startCore);
      host.run(150);
      expect(lines.map(({ body }) => body)).toEqual(["no", "no"]);
    });

    test("is waited for 200 ms, and counts neither in the result nor in the time", () => {
      const { host, lines } = scene(
        appThat((connection) => {
          connection.reply(`${head}\r\npart`);
          host.after(150, () => connection.reply("ly"));
          host.after(250, () => connection.reply(" late"));
        }),
      );
      host.start(startCore);
      host.run(350);
      expect(lines[0]).toMatchObject({ result: 4, status: 503, latencyMs: 0, body: "partly" });
      expect(probeTimes(host)).toEqual([0, 200]);
    });

    test("is never waited for beyond the timeout", () => {
      const { host, lines } = scene(
        appThat((connection) => connection.reply(`${head}\r\npart`)),
        { PROBE_TIMEOUT_MS: "120" },
      );
      host.start(startCore);
      host.run(350);
      expect(lines[0]).toMatchObject({ result: 4, body: "part" });
      expect(probeTimes(host)).toEqual([0, 120, 240]);
    });

    test("of a gigabyte is not read", () => {
      let sent = 0;
      const { host, lines } = scene({
        onOpen(connection) {
          connection.accept();
          connection.onGive = (bytes) => (sent += bytes);
        },
        onData: (connection) => {
          connection.reply(`${head}\r\n`);
          const blanks = Buffer.alloc(1024 * 1024, " ");
          for (let i = 0; i < 1024; i++) connection.reply(blanks);
        },
      });
      host.start(startCore);
      host.run(50);
      expect(lines[0]).toMatchObject({ result: 4, body: "" });
      expect(sent).toBeLessThan(17_000);
    });
  });
}
