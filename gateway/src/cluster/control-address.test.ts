import { expect, test } from "vitest";
import { controlAsTold } from "./control-address.ts";

test.each([
  ["127.0.0.1:9090", "10.0.0.1:10101", "127.0.0.1:9090"],
  ["10.0.0.7:9090", "10.0.0.1:10101", "10.0.0.7:9090"],
  ["0.0.0.0:9090", "10.0.0.1:10101", "10.0.0.1:9090"],
  ["0.0.0.0:9090", "10.0.0.1", "10.0.0.1:9090"],
  ["0.0.0.0:9090", "gateway-0.gateway:10101", "gateway-0.gateway:9090"],
  ["[::]:9090", "[fd00::1]:10101", "[fd00::1]:9090"],
  [":::9090", "fd00::1", "[fd00::1]:9090"],
  ["0.0.0.0:9090", "https://gateway-2.example", "gateway-2.example:9090"],
])("control at %s of a node at %s is told as %s", (listens, own, told) => {
  expect(controlAsTold(listens, own)).toBe(told);
});
