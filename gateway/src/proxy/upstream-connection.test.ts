import { expect, test } from "vitest";
import { parseAddress } from "./upstream-connection.ts";

test.each([
  ["10.0.0.1:8080", "10.0.0.1", 8080],
  ["[fd00::1]:80", "fd00::1", 80],
  ["[::1]:65535", "::1", 65_535],
])("%s is asked at %s, port %i", (address, host, port) => {
  expect(parseAddress(address)).toEqual({ host, port });
});
