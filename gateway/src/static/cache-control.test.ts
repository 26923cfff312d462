import { expect, test } from "vitest";
import { cacheControlOf } from "./cache-control.ts";

test.each([
  "main.3f9c21ab.js",
  "static/css/main-0a1b2c3d4e.css",
  "img/logo.5d41402abc4b2a76b9719d911017c592.svg",
  "chunk-5QRGP6BU.js",
  "main.3f9c21ab.js.map",
])("%s is kept for ever", (path) => {
  expect(cacheControlOf(path)).toBe("public, max-age=31536000, immutable");
});

test.each([
  "index.html",
  "page.3f9c21ab.html",
  "main.js",
  "photo-20240101.jpg",
  "hero-version2.png",
  "report-12345678.pdf",
  "facade-deadbeef.css",
  "my-important.js",
  "3f9c21ab.js",
  "hash/3f9c21ab/main.js",
  "VERSIONS.txt",
])("%s is asked for again each time", (path) => {
  expect(cacheControlOf(path)).toBe("public, max-age=0, must-revalidate");
});
