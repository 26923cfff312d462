import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { descriptorOf } from "./descriptor.ts";

let folder: string;
beforeAll(() => (folder = mkdtempSync(path.join(tmpdir(), "bifrost-proto-"))));
afterAll(() => rmSync(folder, { recursive: true }));

function describing(body: string, packageName = "a.b") {
  const file = path.join(folder, "some.proto");
  writeFileSync(file, `syntax = "proto3";\npackage a.b;\n${body}\n`);
  return descriptorOf(file, packageName);
}

test("messages of plain fields and services become what the gRPC library reads", () => {
  const body = `
    message Ask { string some_name = 1; uint64 big_number = 2; bool yes = 3; }
    message Tell { uint32 n = 1; }
    service Talk { rpc Chat(stream Ask) returns (Tell); }`;
  const fields = {
    someName: { type: "string", id: 1 },
    bigNumber: { type: "uint64", id: 2 },
    yes: { type: "bool", id: 3 },
  };
  const Chat = {
    requestType: "Ask",
    requestStream: true,
    responseType: "Tell",
    responseStream: false,
  };
  const nested = {
    Ask: { fields },
    Tell: { fields: { n: { type: "uint32", id: 1 } } },
    Talk: { methods: { Chat } },
  };
  expect(describing(body)).toEqual({ nested: { a: { nested: { b: { nested } } } } });
});

test.each([
  [
    "several values",
    "message M { repeated string names = 1; }",
    /a\.b\.M\.names is a LABEL_REPEATED/,
  ],
  [
    "another message",
    "message N {} message M { N n = 1; }",
    /a\.b\.M\.n is a LABEL_OPTIONAL TYPE_MESSAGE/,
  ],
  ["a number with a point", "message M { double d = 1; }", /TYPE_DOUBLE/],
])("a field of %s is refused by name", (_what, body, message) => {
  expect(() => describing(body)).toThrow(message);
});

test("another package than the named one is refused", () => {
  expect(() => describing("message M {}", "a.c")).toThrow("a.b.M is in another package");
});
