import domain from "node:domain";
import { afterEach, expect, test } from "vitest";
import { runWithoutDomains } from "./without-domains.ts";

const { create } = domain;
const report = (): void => {};

afterEach(() => {
  domain.create = create;
  process.off("uncaughtException", report);
});

test("a request runs as usual, but in no domain", () => {
  runWithoutDomains(report);
  const seen: unknown[] = [];
  const request = domain.create();
  request.on("error", () => {});
  request.run(() => seen.push("domain" in process ? process.domain : null));
  expect(seen.map((one) => one ?? null)).toEqual([null]);
});

test("what is thrown outside of any promise is reported instead of ending the process", () => {
  runWithoutDomains(report);
  expect(process.listeners("uncaughtException")).toContain(report);
});
