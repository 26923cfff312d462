import { expect, test } from "vitest";
import { parseIndexFile } from "./index-file.ts";

const field = { fieldPath: "a", order: "ASCENDING" };
const index = { collectionGroup: "c", queryScope: "COLLECTION", fields: [field] };
const override = { collectionGroup: "c", fieldPath: "a", indexes: [] };

test.each<[string, unknown, RegExp]>([
  ["no JSON", "{", /is not JSON/],
  ["an unknown key", { indices: [] }, /indices/],
  [
    "an unknown order",
    { indexes: [{ ...index, fields: [{ fieldPath: "a", order: "UP" }] }] },
    /indexes\.0\.fields\.0/,
  ],
  ["no scope", { indexes: [{ collectionGroup: "c", fields: [field] }] }, /indexes\.0\.queryScope/],
  ["no field", { indexes: [{ ...index, fields: [] }] }, /at least one field/],
  [
    "a vector index",
    { indexes: [{ ...index, fields: [{ fieldPath: "a", vectorConfig: {} }] }] },
    /vector/,
  ],
  [
    "a malformed path",
    { indexes: [{ ...index, fields: [{ fieldPath: "a..b", order: "ASCENDING" }] }] },
    /field/,
  ],
  [
    "a malformed override path",
    { fieldOverrides: [{ ...override, fieldPath: "" }] },
    /fieldOverrides\.0\.fieldPath/,
  ],
  [
    "a ttl that is no boolean",
    { fieldOverrides: [{ ...override, ttl: "yes" }] },
    /fieldOverrides\.0\.ttl/,
  ],
  [
    "a ttl on every field",
    { fieldOverrides: [{ ...override, fieldPath: "*", ttl: true }] },
    /fieldOverrides\.0\.ttl: a TTL is for one field by its name/,
  ],
])("%s is refused with its place", (_name, file, message) => {
  const text = typeof file === "string" ? file : JSON.stringify(file);
  expect(() => parseIndexFile(text)).toThrow(message);
});

const a = { fieldPath: "a", order: "ASCENDING" };
test.each<[string, object[]]>([
  ["ASCENDING", [a]],
  ["DESCENDING", [a, { fieldPath: "b", order: "DESCENDING" }]],
  ["ASCENDING", [a, { fieldPath: "t", arrayConfig: "CONTAINS" }]],
  ["DESCENDING", [a, { fieldPath: "__name__", order: "DESCENDING" }]],
])("the name is %s after the last field of %j", (direction, fields) => {
  const { composites } = parseIndexFile(JSON.stringify({ indexes: [{ ...index, fields }] }));
  expect(composites.map(({ nameDirection }) => nameDirection)).toEqual([direction]);
});

test("ttl fields are told apart", () => {
  const { ttlFields, overrides } = parseIndexFile(
    JSON.stringify({
      fieldOverrides: [override, { ...override, fieldPath: "expiresAt", ttl: true }],
    }),
  );
  expect(ttlFields).toEqual([{ collectionGroup: "c", path: "expiresAt" }]);
  expect(overrides.map(({ path }) => path)).toEqual(["a", "expiresAt"]);
});
