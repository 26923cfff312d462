import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { assert, constantFrom, nat, option, property, record, string } from "fast-check";
import { expect, test } from "vitest";
import { servedRequest } from "../testing/served-request.ts";
import { parseRequestHead } from "../proxy/parse-head.ts";
import { RequestRecord } from "../proxy/served.ts";
import { accessEntry, accessLine, MAX_LINE_BYTES } from "./access-line.ts";

const OPTIONS = { scheme: "https", cloudProject: "cloud", logsQuery: false } as const;

const lineOf = (
  changes: Parameters<typeof servedRequest>[0] = {},
  options: Partial<{ logsQuery: boolean }> = {},
) => accessLine(accessEntry(servedRequest(changes)), { ...OPTIONS, ...options });

test("a request is written as Cloud Logging reads it", () => {
  const line = lineOf({ traceId: "0af7651916cd43dd8448eb211c80319c" });
  expect(line.endsWith("\n")).toBe(true);
  expect(JSON.parse(line)).toEqual({
    severity: "INFO",
    time: "2001-09-09T01:46:40.000Z",
    httpRequest: {
      requestMethod: "GET",
      requestUrl: "https://shop.test.local/a",
      status: 200,
      latency: "0.012500s",
      remoteIp: "203.0.113.7",
      userAgent: "curl/8",
      requestSize: "120",
      responseSize: "340",
      protocol: "HTTP/1.1",
    },
    "logging.googleapis.com/trace": "projects/cloud/traces/0af7651916cd43dd8448eb211c80319c",
    project: "project",
    deployment: "abcdefghij",
    replica: "10.0.0.1:8080",
    retries: 0,
    upstreamMs: 11,
    end: "complete",
    requestId: "id-1",
  });
});

test("queries, which may hold tokens, are not written: neither the request's nor that of the page before", () => {
  const secrets = { target: "/a?token=hunter2", referer: "https://x.test/b?code=hunter2" };
  expect(lineOf(secrets)).not.toContain("hunter2");
  expect(lineOf(secrets)).toContain('"referer":"https://x.test/b"');
  expect(lineOf(secrets, { logsQuery: true })).toContain("/a?token=hunter2");
});

test.each([
  [503, "WARNING"],
  [404, "INFO"],
  [499, "INFO"],
])("status %i is of severity %s", (status, severity) => {
  expect(JSON.parse(lineOf({ status }))).toMatchObject({ severity });
});

/** What arrives over the wire is latin1. */
const wire = string({
  unit: constantFrom("a", "b", "?", "&", "/", '"', "\\", "\t", "\u0001", "\u00e9", "\u00ff"),
  minLength: 0,
  maxLength: 5000,
});

test("whatever a client sends, a line is one line, JSON, and short enough to be written at once", () => {
  const strange = record({
    method: wire,
    host: wire,
    target: wire,
    userAgent: option(wire),
    referer: option(wire),
    status: nat(599),
  });
  assert(
    property(strange, (changes) => {
      const line = lineOf(changes, { logsQuery: true });
      expect(line.indexOf("\n")).toBe(line.length - 1);
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(MAX_LINE_BYTES);
      expect(JSON.parse(line)).toMatchObject({ requestId: "id-1" });
    }),
  );
});

test("what waits to be written does not keep large heads in memory", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const used = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  const waiting = Array.from({ length: 1000 }, (_, number) => {
    const filler = Buffer.alloc(60_000, 120).toString("latin1");
    const text = `GET /${"a".repeat(40)}${number} HTTP/1.1\r\nHost: shop.test.local\r\nUser-Agent: a browser of some length\r\nReferer: http://shop.test.local/there\r\nX: ${filler}\r\n\r\n`;
    const request = new RequestRecord(0, "id-1");
    request.head = parseRequestHead(Buffer.from(text).toString("latin1")) as RequestRecord["head"];
    return accessEntry(request);
  });
  const grownBy = used() - before;
  expect(waiting[999]).toMatchObject({ target: `/${"a".repeat(40)}999` });
  expect(grownBy).toBeLessThan(10_000_000);
});
