import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { PAGES, type PageKind } from "./page-texts.ts";
import { renderPage } from "./pages.ts";

const KINDS = Object.keys(PAGES) as PageKind[];

function ask(kind: PageKind, accept: string, detail?: string) {
  const text = renderPage({
    kind,
    accept,
    status: PAGES[kind].status,
    requestId: "r-1",
    isHead: false,
    closes: false,
    now: 0,
    ...(detail === undefined ? {} : { detail }),
  });
  const end = text.indexOf("\r\n\r\n");
  const lines = text.slice(0, end).split("\r\n").slice(1);
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
  );
  return { headers, body: text.slice(end + 4) };
}

describe.each(KINDS)("the page %s", (kind) => {
  const { retryAfterSeconds, title } = PAGES[kind];

  test("is HTML that loads nothing and allows itself nothing but its style", () => {
    const { headers, body } = ask(kind, "text/html,*/*;q=0.8");
    expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(body).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(body).toContain(`<h1>${title}</h1>`);
    expect(body).not.toMatch(/<(?:script|img|link|iframe|form|a)\b|url\(|@import|\bsrc=|\bstyle=/i);
    const [, style = ""] = /<style>([^]*)<\/style>/.exec(body) ?? [];
    const hash = createHash("sha256").update(style).digest("base64");
    expect(headers.get("content-security-policy")).toContain(
      `default-src 'none'; style-src 'sha256-${hash}'`,
    );
    expect(headers.get("content-length")).toBe(String(Buffer.byteLength(body)));
  });

  test("asks browsers to try again only when that may help", () => {
    const { headers, body } = ask(kind, "text/html");
    const seconds = retryAfterSeconds === null ? undefined : String(retryAfterSeconds);
    expect(headers.get("retry-after")).toBe(seconds);
    expect(/http-equiv="refresh" content="(\d+)"/.exec(body)?.[1]).toBe(seconds);
  });

  test.each(["", "*/*", "application/json"])("is a problem for who accepts %j", (accept) => {
    const { headers, body } = ask(kind, accept);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(headers.get("vary")).toBe("accept");
    expect(JSON.parse(body)).toMatchObject({ code: kind, title, requestId: "r-1" });
  });
});

test("what is said of a request cannot become markup, nor other characters than its own", () => {
  const { headers, body } = ask("bad-request", "text/html", "<b>\u00e9\u20ac&\"'");
  expect(body).toContain("<p>&#60;b&#62;&#233;&#8364;&#38;&#34;&#39;</p>");
  expect(headers.get("content-length")).toBe(String(Buffer.byteLength(body)));
});

/** WCAG 2.2, relative luminance and contrast ratio. */
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [one, other].map(luminance).toSorted((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = (color.match(/[0-9a-f]{2}/g) ?? []).map((hex) => {
    const part = Number.parseInt(hex, 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

test("all words stand out from the paper, in light and in dark", () => {
  const { body } = ask("unknown-host", "text/html");
  const schemes = [...body.matchAll(/--paper: (#\w{6}); --ink: (#\w{6}); --quiet: (#\w{6})/g)];
  expect(schemes).toHaveLength(2);
  for (const [, paper = "", ...words] of schemes) {
    for (const word of words) expect(contrast(paper, word)).toBeGreaterThan(4.5);
  }
});
