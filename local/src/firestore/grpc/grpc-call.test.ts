import { silentLogger } from "@bifrost/shared/ports/logger";
import { expect, test } from "vitest";
import { serviceError } from "./grpc-call.ts";
import { invalid } from "../rpc-error.ts";

test("an error that quotes half a surrogate pair can be percent-encoded, as grpc-js will", () => {
  const { details } = serviceError({ log: silentLogger }, invalid("no \ud800 here, but \u{1f600}"));
  expect(details).toBe("no \ufffd here, but \u{1f600}");
  expect(() => encodeURI(details)).not.toThrow();
});
