import { describe, expect, test } from "vitest";
import { decideAnswer } from "./decide-answer.ts";
import type { LoadedSite } from "./find-file.ts";

const TEXT = { path: "words.txt", sha256: "aa", size: 1000, encodings: { br: 100, gzip: 200 } };
const IMAGE = { path: "logo.png", sha256: "bb", size: 50, encodings: {} };
const LOST = { path: "404.html", sha256: "cc", size: 9, encodings: { br: 5 } };

function siteOf(...files: readonly (typeof TEXT | typeof IMAGE | typeof LOST)[]): LoadedSite {
  return { spa: false, files: new Map(files.map((file) => [file.path, file])) };
}

function ask(target: string, headers: Readonly<Record<string, string>> = {}, method = "GET") {
  const site = siteOf(TEXT, IMAGE, LOST);
  const answer = decideAnswer(site, { method, target, header: (name) => headers[name] });
  if (answer.kind === "nothing") throw new Error("there is a page for that");
  const lines = answer.headers.split("\r\n").slice(0, -1);
  const fields = Object.fromEntries(lines.map((line) => line.split(/: (.*)/, 2)));
  return { status: answer.status, fields, body: answer.body };
}

describe("a file", () => {
  test("is described in full", () => {
    expect(ask("/logo.png")).toEqual({
      status: 200,
      fields: {
        etag: '"bb"',
        "cache-control": "public, max-age=0, must-revalidate",
        "content-type": "image/png",
        "content-length": "50",
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
      },
      body: { sha256: "bb", encoding: null, size: 50, range: null },
    });
  });

  test("is sent in the form that was asked for, under that form's tag", () => {
    const { fields, body } = ask("/words.txt", { "accept-encoding": "br, gzip" });
    expect(fields).toMatchObject({
      etag: '"aa-br"',
      vary: "Accept-Encoding",
      "content-encoding": "br",
      "content-length": "100",
      "content-type": "text/plain; charset=utf-8",
    });
    expect(body).toEqual({ sha256: "aa", encoding: "br", size: 100, range: null });
  });

  test("says that its form varies even when it is sent as it is", () => {
    const { fields } = ask("/words.txt");
    expect(fields).toMatchObject({ vary: "Accept-Encoding", "content-length": "1000" });
    expect(fields).not.toHaveProperty("content-encoding");
  });

  test.each(["GET", "HEAD"])("that the client knows is not sent again to a %s", (method) => {
    const known = { "if-none-match": '"aa-br"', "accept-encoding": "br" };
    const { status, fields, body } = ask("/words.txt", known, method);
    expect({ status, body }).toEqual({ status: 304, body: null });
    expect(fields).toEqual({
      etag: '"aa-br"',
      "cache-control": "public, max-age=0, must-revalidate",
      vary: "Accept-Encoding",
    });
    expect(ask("/words.txt", { "if-none-match": '"aa-br"' }, method).status).toBe(200);
  });

  test.each<[Record<string, string>, number, string | undefined, string]>([
    [{ range: "bytes=10-19" }, 206, "bytes 10-19/1000", "10"],
    [{ range: "bytes=10-19", "accept-encoding": "br" }, 206, "bytes 10-19/1000", "10"],
    [{ range: "bytes=-5" }, 206, "bytes 995-999/1000", "5"],
    [{ range: "bytes=10-19", "if-range": '"aa"' }, 206, "bytes 10-19/1000", "10"],
    [{ range: "bytes=10-19", "if-range": '"other"' }, 200, undefined, "1000"],
    [{ range: "bytes=0-1,4-5" }, 200, undefined, "1000"],
  ])("in part: %o is %i, %s", (headers, status, extent, length) => {
    const answer = ask("/words.txt", headers);
    expect(answer.status).toBe(status);
    expect(answer.fields["content-range"]).toBe(extent);
    expect(answer.fields["content-length"]).toBe(length);
  });

  test("has nothing beyond its end", () => {
    const { status, fields } = ask("/words.txt", { range: "bytes=1000-" });
    expect(status).toBe(416);
    expect(fields).toMatchObject({ "content-range": "bytes */1000" });
  });

  test("that changed under a condition is refused", () => {
    expect(ask("/words.txt", { "if-match": '"old"' }).status).toBe(412);
    expect(ask("/words.txt", { "if-match": '"aa"' }).status).toBe(200);
  });
});

test("HEAD is told everything but the content, and nothing of ranges", () => {
  const { status, fields, body } = ask("/words.txt", { range: "bytes=0-1" }, "HEAD");
  expect({ status, body, length: fields["content-length"] }).toEqual({
    status: 200,
    body: null,
    length: "1000",
  });
});

test.each(["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])("%s is refused", (method) => {
  const { status, fields } = ask("/words.txt", {}, method);
  expect(status).toBe(405);
  expect(fields).toMatchObject({ allow: "GET, HEAD" });
});

test("the site's own 404 page is whole, whatever is known or asked of it", () => {
  const headers = { "if-none-match": "*", range: "bytes=0-1", "accept-encoding": "br" };
  const { status, fields, body } = ask("/none", headers);
  expect(status).toBe(404);
  expect(fields).toMatchObject({ "content-length": "5", "content-encoding": "br" });
  expect(body).toEqual({ sha256: "cc", encoding: "br", size: 5, range: null });
});

test("a site without one leaves the answer to the gateway's page", () => {
  const request = { method: "GET", target: "/none", header: () => undefined };
  expect(decideAnswer(siteOf(IMAGE), request)).toEqual({ kind: "nothing" });
});

test("every length that is announced is that of the words that follow", () => {
  for (const [target, method] of [
    ["/%zz", "GET"],
    ["/words.txt", "POST"],
  ] as const) {
    const { fields, body } = ask(target, {}, method);
    expect(fields["content-length"]).toBe(String((body as string).length));
  }
});
