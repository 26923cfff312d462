import { expect, test } from "vitest";
import { News } from "./news.ts";

test("the same is news of a subject once a minute; something else, another subject and what had ended are at once", () => {
  let now = 0;
  const news = new News(() => now);
  const tell = (subject: string, what: string, at: number) => {
    now = at;
    return news.isNew(subject, what);
  };
  expect([tell("a", "refused", 0), tell("a", "refused", 500), tell("b", "refused", 500)]).toEqual([
    true,
    false,
    true,
  ]);
  expect([tell("a", "silent", 600), tell("a", "silent", 60_599)]).toEqual([true, false]);
  expect(tell("a", "silent", 60_600)).toBe(true);
  news.forget("a");
  expect(tell("a", "silent", 60_601)).toBe(true);
});

test("remembers a bounded number of subjects", () => {
  const news = new News(() => 0);
  for (let index = 0; index < 2000; index++) news.isNew(`${index}`, "refused");
  expect(news.isNew("0", "refused")).toBe(true);
});
