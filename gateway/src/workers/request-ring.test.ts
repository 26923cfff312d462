import { expect, test } from "vitest";
import { parseRequestHead, type RequestHead } from "../proxy/parse-head.ts";
import { servedRequest } from "../testing/served-request.ts";
import { RequestRing } from "./request-ring.ts";

function headOf(target: string, lines = ""): RequestHead {
  const head = parseRequestHead(`GET ${target} HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n`);
  if ("problem" in head) throw new Error(head.problem);
  return head;
}

function served(target: string, lines = "") {
  return servedRequest({ target, head: headOf(target, lines) });
}

test("what a policy can read is kept, but nothing that opens a door", () => {
  const ring = new RequestRing();
  const secrets = [
    "Authorization: Bearer s3cret",
    "Cookie: session=s3cret",
    "X-Api-Key: s3cret",
    "X-Csrf-Token: s3cret",
  ];
  ring.offer(served("/a?code=s3cret&b=s3cret", `${secrets.join("\r\n")}\r\nX-Plan: pro\r\n`));
  expect(JSON.stringify(ring.list())).not.toContain("s3cret");
  expect(ring.list()).toMatchObject([
    {
      target: "/a?code=redacted&b=redacted",
      headers: [
        ["authorization", "redacted"],
        ["cookie", "redacted"],
        ["x-api-key", "redacted"],
        ["x-csrf-token", "redacted"],
        ["x-plan", "pro"],
      ],
    },
  ]);
});

test("however many requests there are, 128 are kept, and the newest of them change", () => {
  const ring = new RequestRing();
  for (let at = 0; at < 128; at++) ring.offer(served(`/first/${at}`));
  expect(ring.list().map(({ target }) => target)[5]).toBe("/first/5");
  for (let at = 0; at < 128 * 10; at++) ring.offer(served(`/later/${at}`));
  const targets = ring.list().map(({ target }) => target);
  expect(targets).toHaveLength(128);
  expect(targets.filter((target) => target.startsWith("/later/"))).toHaveLength(10);
  expect(targets.at(-1)).toBe("/later/1279");
});

test("a request that could not be read, or that no project serves, is not kept", () => {
  const ring = new RequestRing();
  ring.offer(servedRequest({ head: null }));
  ring.offer(servedRequest({ head: headOf("/"), projectId: null }));
  expect(ring.list()).toEqual([]);
});
