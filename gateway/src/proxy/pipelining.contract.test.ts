/** Requests of every kind one behind the other, cut anywhere: each gets its own answer, whole and in its turn. */
import { array, assert, asyncProperty, constantFrom, integer, record } from "fast-check";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type PolicyChain,
  type PolicyOutcome,
  type PolicyRequest,
  PolicyWait,
  UNTOUCHED,
} from "../policies/policy-chain.ts";
import { PlaneRig } from "../testing/plane-rig.ts";
import { HOST } from "../testing/proxy-rig.ts";

/** Answers with its own status what asks for it, some of it after a wait, and leaves the rest to the replica. */
const DENIES: PolicyChain = {
  hasResponsePhase: true,
  onRequest(request) {
    return request.method === "POST" ? waits(3, request) : decide(request);
  },
  onResponse: () => null,
};

function decide({ target }: PolicyRequest): PolicyOutcome {
  const [, status, id = ""] = /^\/denied-(\d+)\/(\d+)/.exec(target) ?? [];
  if (status === undefined) return UNTOUCHED;
  const headers = `x-id: ${id}\r\n`;
  return { ...UNTOUCHED, answer: { status: Number(status), headers, body: "denied" } };
}

/** It is known after so many turns of the event loop. */
function waits(turns: number, request: PolicyRequest): PolicyOutcome | PolicyWait {
  if (turns === 0) return decide(request);
  return new PolicyWait(setImmediate(), () => waits(turns - 1, request));
}

let rig: PlaneRig;
beforeAll(async () => {
  rig = await PlaneRig.start({ chainOf: () => DENIES });
  rig.serve(await rig.replicas.http(answer));
});
afterAll(() => rig.stop());

/** `/<status>/<id>`: with the id as a header, and all it was sent as the body. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const [, status, id = ""] = /^\/(\d+)\/(\d+)/.exec(request.url ?? "") ?? [];
  let body = "";
  request.on("data", (data: Buffer) => (body += data.toString("latin1")));
  request.on("end", () => {
    response.writeHead(Number(status), { "x-id": id });
    // Odd ones chunked and in two parts, even ones with a length.
    if (Number(id) % 2 === 1) response.write(`${id}:`);
    response.end(Number(id) % 2 === 1 ? body : `${id}:${body}`);
  });
}

const requests = array(
  record({
    method: constantFrom("GET", "HEAD", "POST"),
    path: constantFrom("200", "200", "204", "304", "503", "denied-204", "denied-403", "nobody"),
    body: constantFrom("none", "length", "chunked"),
    size: constantFrom(0, 1, 100, 5000),
  }),
  { minLength: 1, maxLength: 12 },
);

type Request = Parameters<Parameters<typeof requests.map>[0]>[0][number];

function textOf({ method, path, body, size }: Request, id: number): string {
  const head = `${method} /${path}/${id} HTTP/1.1\r\nHost: ${path === "nobody" ? path : HOST}\r\n`;
  const content = "x".repeat(size);
  if (body === "none") return `${head}\r\n`;
  if (body === "length") return `${head}Content-Length: ${size}\r\n\r\n${content}`;
  const chunk = size === 0 ? "" : `${size.toString(16)}\r\n${content}\r\n`;
  return `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`;
}

/** What is to come back: the id is not to be seen on the page of a host that nobody has. */
function expectedOf({ method, path, body, size }: Request, id: number): readonly unknown[] {
  const status = path === "nobody" ? 404 : Number(path.replace("denied-", ""));
  const hasBody = method !== "HEAD" && status !== 204 && status !== 304;
  const content = path.startsWith("denied") ? "denied" : `${id}:${sent(body, size)}`;
  if (path === "nobody") return [status, null, null];
  return [status, String(id), hasBody ? content : ""];
}

function sent(body: string, size: number): string {
  return body === "none" ? "" : "x".repeat(size);
}

/** Takes one response off the front of `text`; null = it is not all there yet. */
function takeResponse(
  text: string,
  method: string,
): { readonly found: readonly unknown[]; readonly rest: string } | null {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const head = text.slice(0, end + 2).toLowerCase();
  const status = Number(head.slice(9, 12));
  const id = /\r\nx-id: (\d+)\r\n/.exec(head)?.[1] ?? null;
  let rest = text.slice(end + 4);
  let body = "";
  if (method !== "HEAD" && status !== 204 && status !== 304) {
    const length = /\r\ncontent-length: (\d+)\r\n/.exec(head)?.[1];
    if (length !== undefined) {
      if (rest.length < Number(length)) return null;
      body = rest.slice(0, Number(length));
      rest = rest.slice(Number(length));
    } else {
      const last = rest.indexOf("0\r\n\r\n");
      if (last < 0) return null;
      body = rest.slice(0, last).replaceAll(/[0-9a-f]+\r\n([^\r]*)\r\n/g, "$1");
      rest = rest.slice(last + 5);
    }
  }
  return { found: [status, id, id === null ? null : body], rest };
}

function responsesIn(text: string, asked: readonly Request[]) {
  const found: (readonly unknown[])[] = [];
  let left = text;
  for (const { method } of asked) {
    const taken = takeResponse(left, method);
    if (taken === null) break;
    found.push(taken.found);
    left = taken.rest;
  }
  return { found, left };
}

test("pipelined requests are answered in their order", async () => {
  await assert(
    asyncProperty(requests, integer({ min: 1, max: 3000 }), async (asked, cut) => {
      const c = await rig.client();
      const text = asked.map(textOf).join("");
      for (let at = 0; at < text.length; at += cut) {
        c.send(text.slice(at, at + cut));
        if (at % 7 === 0) await setImmediate();
      }
      const isAll = (received: string): boolean =>
        responsesIn(received, asked).found.length === asked.length;
      const { found, left } = responsesIn(await c.until(isAll), asked);
      c.socket.destroy();
      expect(found).toEqual(asked.map(expectedOf));
      expect(left).toBe("");
    }),
    { numRuns: 150 },
  );
});
