import { expect, test } from "vitest";
import { dateLine } from "./date-line.ts";

test.each([
  [0, "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"],
  [999, "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"],
  [784_111_777_123, "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"],
  [1000, "date: Thu, 01 Jan 1970 00:00:01 GMT\r\n"],
])("%d ms are written as an IMF-fixdate", (now, line) => {
  expect(dateLine(now)).toBe(line);
});
