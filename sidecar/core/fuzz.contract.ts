import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { FakeServer } from "../testing/fake-connection.ts";
import { FakeHost, type StartCore } from "../testing/fake-host.ts";
import { FRAME, frame, framesOf, headers, OK, settings } from "../testing/grpc-collector.ts";
import {
  answer,
  APP_PORT,
  COLLECTOR_PORT,
  putProcess,
  putProcesses,
  stat,
  TEST_ENVIRONMENT,
} from "../testing/scene.ts";

const RUNS = process.env["BIFROST_SOAK"] === "long" ? 20_000 : 300;

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const text = (...words: readonly string[]) =>
  fc.constantFrom(...words).map((word) => Buffer.from(word, "latin1"));
const digits = fc.bigInt({ min: 0n, max: 10n ** 20n }).map((value) => Buffer.from(String(value)));
const mixed = (...words: readonly string[]) =>
  fc
    .array(fc.oneof({ weight: 4, arbitrary: text(...words) }, digits, bytes), { maxLength: 16 })
    .map((parts) => Buffer.concat(parts));

/** Something like a response, whole or torn. */
const response = mixed(
  "HTTP/1.1 ",
  "HTTP/1.1 503 X\r\n",
  "HTTP/1.1 204 X\r\n",
  "HTTP/1.0 200",
  "HTTP/1.1 200 OK\r\nContent-Le",
  "HTTP/1.1 103 X\r\n\r\n",
  "\r\n",
  "\r\n\r\n",
  "Content-Length: ",
  "content-length:3\r\n",
  "Transfer-Encoding: chunked\r\n",
  "a\r\n",
  "0",
  "fffffffff\r\n",
  "3;x\r\nabc\r\n",
  "Connection: close\r\n",
  " ",
  '"\\',
  "x".repeat(90),
);

/** Something like HTTP/2, of frames that are legal, torn or neither. */
const http2 = fc
  .tuple(
    fc.boolean(),
    fc.array(
      fc.oneof(
        fc
          .tuple(
            fc.oneof(fc.constantFrom(...Object.values(FRAME)), fc.nat(255)),
            fc.oneof(fc.constantFrom(0, 1, 4, 5, 8, 32, 40, 44), fc.nat(255)),
            fc.constantFrom(0, 1, 1, 1, 2, 0x80000001),
            fc.oneof(bytes, text("\0\0\0\0\x02\x08\x01", "\0\0\0\0\0", "\x88", "\0\x04\0\0\0\x09")),
          )
          .map(([type, flags, stream, payload]) => frame(type, flags, stream, payload)),
        bytes.map((block) => headers(block)),
        fc.constant(headers(OK)),
        bytes,
      ),
      { maxLength: 12 },
    ),
  )
  .map(([isPolite, parts]) => Buffer.concat(isPolite ? [settings(), ...parts] : parts));

const procLine = fc.oneof(
  mixed(
    "20 (x) ",
    ")",
    "(",
    " S 0 1 1 0 -1 0 0 0 0 0 ",
    "1 2 3 4 20 0 3 0 99 1000 100",
    "-1 ",
    " ",
  ),
  fc
    .tuple(fc.nat(200), bytes)
    .map(([at, part]) =>
      Buffer.concat([Buffer.from(stat({ pid: 20 })).subarray(0, at), part]).subarray(0, 400),
    ),
);
const children = mixed("41 ", "42", " ", "40 ", "4194305 ", "-1 ", "0 ", "\n");

const slices = fc.constantFrom(1, 2, 3, 7, 64, Infinity);

interface Chaos {
  readonly app: Buffer;
  readonly collector: Buffer;
  readonly slice: number;
  readonly ends: boolean;
  readonly environment: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, Buffer>>;
}

const CALM: Chaos = {
  app: Buffer.from(answer(503, "no")),
  collector: Buffer.from(answer(204)),
  slice: Infinity,
  ends: false,
  environment: {},
  files: {},
};

/** All that a core does to the world while this happens to it. */
function deeds(startCore: StartCore, { app, collector, slice, ends, ...rest }: Chaos) {
  const host = new FakeHost();
  host.environment = { ...TEST_ENVIRONMENT, ...rest.environment };
  const saying = (said: Buffer, isAsked: (received: Buffer) => boolean): FakeServer => ({
    onOpen(connection) {
      connection.accept();
      connection.slice = slice;
    },
    onData(connection, received) {
      if (!isAsked(received) && framesOf(connection).length === 0) return;
      connection.server = {};
      connection.reply(said);
      if (ends) connection.end();
    },
  });
  host.servers.set(
    APP_PORT,
    saying(app, () => true),
  );
  host.servers.set(
    COLLECTOR_PORT,
    saying(collector, (received) => received.includes("}\n")),
  );
  putProcesses(host, [{ pid: 20 }, { pid: 21, parent: 20 }]);
  putProcess(host, { pid: 40 }, { 40: [41] });
  for (const [path, content] of Object.entries(rest.files)) {
    host.files.set(path, content.toString("latin1"));
  }
  const started = startCore(host);
  if (typeof started === "number") return { code: started, logs: host.logs, sent: [] };
  host.start(() => started);
  host.run(900);
  host.stop(100);
  host.run(2000);
  return {
    code: 0,
    logs: host.logs,
    sent: host.opened.map(({ port, at, connection }) => [
      port,
      at,
      connection.received.toString("latin1"),
    ]),
  };
}

/** Neither form traps, throws or spins on any input, and both do the same. */
export function fuzz(plain: StartCore, wasm: StartCore): void {
  const agree = (chaos: fc.Arbitrary<Partial<Chaos>>): void => {
    fc.assert(
      fc.property(chaos, (changes) => {
        expect(deeds(wasm, { ...CALM, ...changes })).toEqual(deeds(plain, { ...CALM, ...changes }));
      }),
      { numRuns: RUNS },
    );
  };

  test("an app may answer anything, in any pieces", () => {
    agree(fc.record({ app: response, slice: slices, ends: fc.boolean() }));
  });

  test("a collector may answer anything to a report", () => {
    agree(fc.record({ collector: response, slice: slices, ends: fc.boolean() }));
  });

  test("a collector may answer anything to a call", () => {
    const environment = fc.constant({ COLLECTOR_PROTOCOL: "grpc" });
    agree(fc.record({ collector: http2, slice: slices, ends: fc.boolean(), environment }));
  });

  test("/proc may say anything", () => {
    const environment = fc.constantFrom({}, { APP_PID_FILE: "/run/app.pid" });
    const files = fc.record({
      "/proc/20/stat": procLine,
      "/proc/40/stat": procLine,
      "/proc/20/statm": mixed("1000 70 30 5 0 123 0", "0", " ", "-1 ", "\n"),
      "/proc/2/stat": procLine,
      "/proc/40/task/40/children": children,
      "/run/app.pid": fc.oneof(text("40", " 40\n"), children),
    });
    agree(fc.record({ environment, files }));
  });

  test("the environment may hold anything: it is taken, or refused in one line", () => {
    const names = [
      ...Object.keys(TEST_ENVIRONMENT),
      "PROBE_PASSES",
      "PROBE_FAILURES",
      "COLLECTOR_PROTOCOL",
      "COLLECTOR_CA_FILE",
      "COLLECTOR_SERVER_NAME",
      "LIVENESS_PORT",
      "APP_PID_FILE",
    ];
    const value = fc.oneof(
      fc.string({
        unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
        maxLength: 700,
      }),
      fc.constantFrom(
        "",
        "1",
        "10",
        "100",
        "1000",
        "65536",
        "/",
        "::1",
        "10.0.0.1",
        "http",
        "grpc",
      ),
    );
    const environment = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 3 });
    let refused = 0;
    agree(environment.map((changes) => ({ environment: changes })));
    fc.assert(
      fc.property(environment, (changes) => {
        const { code, logs } = deeds(wasm, { ...CALM, environment: changes });
        if (code === 0) return;
        refused++;
        expect(code).toBe(64);
        expect(logs).toEqual([expect.stringMatching(/^[A-Z_]+ [ -~]+$/)]);
      }),
      { numRuns: RUNS },
    );
    expect(refused).toBeGreaterThan(0);
  });
}
