/**
 * What the proxy forwards is what its client meant, judged by a second parser: the same bytes go to the parser of Node's own
 * HTTP server, and through the proxy to a server that takes nearly everything. The proxy may refuse what Node takes; a
 * request that only the replica sees is a smuggled one.
 */
import { createServer, type RequestListener, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HOST, ProxyRig } from "../testing/proxy-rig.ts";
import { rawClient } from "../testing/test-gateway.ts";

/** Complete requests in their order, each as one text, by the run that sent them: an answer may overtake a record. */
type Seen = Map<string, readonly string[]>;

const RUNS = process.env["BIFROST_SOAK"] === "long" ? 20_000 : 800;
const SMUGGLED = `GET /smuggled HTTP/1.1\r\nHost: ${HOST}\r\nX-Run: RUN00\r\n\r\n`;

let rig: ProxyRig;
/** As lenient as Node can be: it takes nearly everything that the proxy might let through. */
let replica: Server;
const meant: Seen = new Map();
const forwarded: Seen = new Map();

const recorder: RequestListener = (request, response) => {
  let body = "";
  request.setEncoding("latin1").on("data", (text: string) => (body += text));
  request.on("end", () => {
    const run = String(request.headers["x-run"]);
    forwarded.set(run, [...of(forwarded, run), told(request.method, request.url, body)]);
    response.end("ok");
  });
};

function told(method = "", url = "", body = ""): string {
  return `${method} ${url} ${JSON.stringify(body)}`;
}

/** Node's parser as its server uses it: strict. No types are published for it. */
interface NodeParser {
  [event: number]: (...args: never) => unknown;
  initialize(type: number, resource: object): void;
  execute(bytes: Buffer): unknown;
}
const { HTTPParser, methods } = createRequire(import.meta.url)("node:_http_common") as {
  HTTPParser: (new () => NodeParser) & Readonly<Record<string, number>>;
  methods: readonly string[];
};

/** The complete requests that come before the first malformed one. */
function readByNode(bytes: string): readonly string[] {
  const requests: string[] = [];
  let line: readonly [string | undefined, string] = ["", ""];
  let body = "";
  const on = (event: string): number => HTTPParser[event] ?? -1;
  const parser = new HTTPParser();
  parser.initialize(on("REQUEST"), {});
  parser[on("kOnHeadersComplete")] = (
    ...args: readonly [number, number, unknown, number, string]
  ) => {
    line = [methods[args[3]], args[4]];
    body = "";
    return 0;
  };
  parser[on("kOnBody")] = (part: Buffer) => void (body += part.toString("latin1"));
  parser[on("kOnMessageComplete")] = () => void requests.push(told(...line, body));
  parser.execute(Buffer.from(bytes, "latin1"));
  return requests;
}

function of(seen: Seen, run: string): readonly string[] {
  return seen.get(run) ?? [];
}

beforeAll(async () => {
  rig = await ProxyRig.start();
  replica = createServer({ insecureHTTPParser: true }, recorder);
  const address = `127.0.0.1:${await listen(replica)}`;
  rig.serve({ address, close: () => undefined });
});

afterAll(async () => {
  await rig.stop();
  replica.close();
  replica.closeAllConnections();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** Sends everything, ends, and waits for the other side to end too. */
async function exchange(port: number, bytes: string): Promise<string> {
  const client = await rawClient(port);
  client.socket.end(bytes, "latin1");
  return client.closed();
}

const often = <T>(usual: T, ...odd: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 3 * odd.length, arbitrary: fc.constant(usual) }, fc.constantFrom(...odd));

const lineEnd = often("\r\n", "\n", "\r", "\r\r\n", "\n\r\n");
const body = fc.oneof(
  fc.constantFrom("", "hello", SMUGGLED, "0\r\n\r\n"),
  fc.string({ maxLength: 12 }),
);
const blank = often(" ", "", "\t", "  ", "\v", "\u00a0", "\r\n ");

const chunk = fc
  .tuple(body, often("", "00", " ", ";x", ';x="\n"', "_", "+"), lineEnd, lineEnd)
  .map(([data, extra, first, second]) =>
    data === "" ? "" : `${data.length.toString(16)}${extra}${first}${data}${second}`,
  );
const chunks = fc
  .tuple(fc.array(chunk, { maxLength: 3 }), often("0", "00", "0;x", "", "0x0", "-0"), lineEnd)
  .map(([parts, last, end]) => `${parts.join("")}${last}${end}${end}`);

const framed = fc.oneof(
  fc.constant(["", ""] as const),
  fc
    .tuple(body, often("", "+", "-", "0", " ", "0x", "\0"), often(0, 1, -1, 40), blank)
    .map(([text, sign, off, gap]) => {
      const length = Math.max(0, text.length + off);
      return [`Content-Length:${gap}${sign}${length}\r\n`, text] as const;
    }),
  fc
    .tuple(
      chunks,
      often("chunked", "Chunked", "chunked, chunked", "gzip, chunked", "xchunked", "chunked,"),
      blank,
    )
    .map(([text, coding, gap]) => [`Transfer-Encoding:${gap}${coding}\r\n`, text] as const),
);

const second = fc.constantFrom(
  "Content-Length: 0\r\n",
  "Content-Length: 5\r\n",
  "Transfer-Encoding: chunked\r\n",
);
const malformed = fc.constantFrom(
  "X-A: 1\r\n",
  "Transfer-Encoding : chunked\r\n",
  "Transfer_Encoding: chunked\r\n",
  "Connection: keep-alive, Content-Length\r\n",
  "Connection: close\r\n",
  "X-B: a\r\n folded\r\n",
  "X-C: a\nTransfer-Encoding: chunked\r\n",
  `X-D: ${"y".repeat(500)}\r\n`,
  "\r\n",
  ": nothing\r\n",
);
const field = fc.oneof(second, malformed);

const message = fc
  .record({
    method: often("POST", "GET", "PUT", "DELETE", "post", "G ET"),
    target: often("/a?b=c", "//x", "/a b", "/\u00ff", "/%00", "a"),
    version: often("HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/1.1 "),
    before: fc.array(field, { maxLength: 1 }),
    after: fc.array(field, { maxLength: 1 }),
    isOdd: fc.boolean(),
    framed,
    end: lineEnd,
  })
  .map(({ method, target, version, before, after, isOdd, framed: [lines, text], end }) => {
    const around = (fields: readonly string[]): string => (isOdd ? fields.join("") : "");
    const head = `${method} ${target} ${version}\r\nHost: ${HOST}\r\nX-Run: RUN00\r\n`;
    return `${head}${around(before)}${lines}${around(after)}${end}${text}`;
  });

const stream = fc
  .array(message, { minLength: 1, maxLength: 3 })
  .map((messages) => messages.join("") + SMUGGLED.replace("smuggled", "last"));

test("every request that reaches a replica is one that its client sent, in order and with its body", async () => {
  let runs = 0;
  let refused = 0;
  const sent = new Map<string, string>();
  await fc.assert(
    fc.asyncProperty(stream, async (text) => {
      const run = String((runs += 1)).padStart(5, "0");
      const bytes = text.replaceAll("RUN00", run);
      sent.set(run, bytes);
      meant.set(run, readByNode(bytes));
      const answers = await exchange(rig.running.gateway.port, bytes);
      if (/^HTTP\/1\.1 (4|5)\d\d /m.test(answers)) refused += 1;
      const arrived = of(forwarded, run);
      expect(arrived).toEqual(of(meant, run).slice(0, arrived.length));
    }),
    { numRuns: RUNS },
  );
  for (const [run, arrived] of forwarded) {
    const bytes = JSON.stringify(sent.get(run));
    expect({ bytes, arrived }).toEqual({ bytes, arrived: of(meant, run).slice(0, arrived.length) });
  }
  // Both happen often, or the property says nothing.
  expect(forwarded.size).toBeGreaterThan(RUNS / 5);
  expect(refused).toBeGreaterThan(RUNS / 5);
});
