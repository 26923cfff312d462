/** What every client relies on when it writes, told over REST: masks, transforms, preconditions, limits. */
import { beforeEach, describe, expect, test } from "vitest";
import { freshCollection, rest, type RestAnswer, ROOT } from "./emulator-target.ts";

type Value = Readonly<Record<string, unknown>>;
type Fields = Readonly<Record<string, Value>>;

let base = "";
beforeEach(() => {
  base = freshCollection();
});

const nameOf = (id: string): string => `${ROOT}/${base}/${id}`;
const int = (value: number | string): Value => ({ integerValue: String(value) });
const double = (value: number | string): Value => ({ doubleValue: value });
const text = (value: string): Value => ({ stringValue: value });
const map = (fields: Fields): Value => ({ mapValue: { fields } });
const list = (...values: Value[]): Value => ({ arrayValue: { values } });

function commit(...writes: object[]): Promise<RestAnswer> {
  return rest("POST", ":commit", { writes });
}

function set(id: string, fields: Fields, more: object = {}): object {
  return { update: { name: nameOf(id), fields }, ...more };
}

async function fieldsOf(id: string): Promise<unknown> {
  const { body } = await rest("GET", `/${base}/${id}`);
  return (body as { fields?: unknown }).fields ?? {};
}

function statusOf({ body }: RestAnswer): string {
  const { error } = body as { error?: { status: string } };
  return error?.status ?? "OK";
}

/** 1 MiB less the name, the fixed 32, and the field "t" with the byte that ends a text. */
function longest(id: string): number {
  const name = `${base}/${id}`.split("/").reduce((sum, part) => sum + part.length + 1, 16);
  return 1_048_576 - name - 32 - "t".length - 1 - 1;
}

export function writesContract(): void {
  describe("update masks", () => {
    const before = { a: int(1), b: map({ c: int(1), d: int(2) }), "x.y": int(3) };
    test.each<[string, string[], Fields, Fields]>([
      ["none of the fields that are sent", [], { a: int(9) }, before],
      ["a field", ["a"], { a: int(9), b: int(0) }, { ...before, a: int(9) }],
      ["a field that is not sent, which deletes it", ["a"], {}, { b: before.b, "x.y": int(3) }],
      [
        "a nested field",
        ["b.c"],
        { b: map({ c: int(9) }) },
        { ...before, b: map({ c: int(9), d: int(2) }) },
      ],
      ["a nested field that is not sent", ["b.c"], {}, { ...before, b: map({ d: int(2) }) }],
      [
        "a field below a missing one",
        ["e.f.g"],
        { e: map({ f: map({ g: int(1) }) }) },
        { ...before, e: map({ f: map({ g: int(1) }) }) },
      ],
      ["a missing field below a missing one", ["e.f"], {}, before],
      [
        "a field below a number, which makes way",
        ["a.b"],
        { a: map({ b: int(1) }) },
        { ...before, a: map({ b: int(1) }) },
      ],
      ["a quoted field", ["`x.y`"], { "x.y": int(9) }, { ...before, "x.y": int(9) }],
      ["a quoted field that is not sent", ["`x.y`"], {}, { a: before.a, b: before.b }],
      [
        "a map and a field of it",
        ["b", "b.c"],
        { b: map({ c: int(9) }) },
        { ...before, b: map({ c: int(9) }) },
      ],
    ])("%s", async (_name, fieldPaths, sent, after) => {
      await commit(set("a", before));
      expect(statusOf(await commit(set("a", sent, { updateMask: { fieldPaths } })))).toBe("OK");
      expect(await fieldsOf("a")).toEqual(after);
    });
  });

  describe("transforms", () => {
    const INT_MAX = "9223372036854775807";
    const INT_MIN = "-9223372036854775808";
    test.each<[string, Value | null, object, Value]>([
      ["increment of an integer", int(1), { increment: int(2) }, int(3)],
      ["increment of a missing field sets", null, { increment: int(2) }, int(2)],
      ["increment of text sets", text("x"), { increment: int(2) }, int(2)],
      ["increment stops at the largest integer", int(INT_MAX), { increment: int(1) }, int(INT_MAX)],
      [
        "increment stops at the smallest integer",
        int(INT_MIN),
        { increment: int(-1) },
        int(INT_MIN),
      ],
      ["increment by a double makes a double", int(1), { increment: double(0.5) }, double(1.5)],
      ["increment of a double stays one", double(0.5), { increment: int(1) }, double(1.5)],
      ["increment by NaN", int(1), { increment: double("NaN") }, double("NaN")],
      [
        "increment beyond the largest double",
        double(1.7e308),
        { increment: double(1.7e308) },
        double("Infinity"),
      ],
      ["maximum", int(1), { maximum: int(2) }, int(2)],
      ["maximum takes the type of the larger", int(1), { maximum: double(1.5) }, double(1.5)],
      ["maximum of equals keeps what is stored", int(3), { maximum: double(3) }, int(3)],
      ["maximum with NaN", int(1), { maximum: double("NaN") }, double("NaN")],
      ["maximum of NaN", double("NaN"), { maximum: int(1) }, double("NaN")],
      ["maximum of a missing field sets", null, { maximum: int(2) }, int(2)],
      ["minimum", int(1), { minimum: int(2) }, int(1)],
      ["minimum with NaN", int(1), { minimum: double("NaN") }, double("NaN")],
      ["minimum of text sets", text("x"), { minimum: int(2) }, int(2)],
      [
        "append what is missing",
        list(int(1)),
        { appendMissingElements: { values: [int(1), int(2), int(2)] } },
        list(int(1), int(2)),
      ],
      [
        "append takes 1.0 for 1 and NaN for NaN",
        list(int(1), double("NaN")),
        { appendMissingElements: { values: [double(1), double("NaN")] } },
        list(int(1), double("NaN")),
      ],
      [
        "append to text starts a list",
        text("x"),
        { appendMissingElements: { values: [int(1)] } },
        list(int(1)),
      ],
      [
        "remove every occurrence",
        list(int(1), int(2), double(1)),
        { removeAllFromArray: { values: [int(1)] } },
        list(int(2)),
      ],
      [
        "remove from a missing field makes an empty list",
        null,
        { removeAllFromArray: { values: [int(1)] } },
        list(),
      ],
    ])("%s", async (_name, stored, transform, expected) => {
      await commit(set("a", stored === null ? {} : { f: stored }));
      const updateMask = { fieldPaths: [] };
      const updateTransforms = [{ fieldPath: "f", ...transform }];
      expect(statusOf(await commit(set("a", {}, { updateMask, updateTransforms })))).toBe("OK");
      const { f } = (await fieldsOf("a")) as { f: Value };
      expect(spelled(f)).toEqual(spelled(expected));
    });

    test("several on one field are applied in their order and each reports its result", async () => {
      const updateTransforms = [
        { fieldPath: "f", increment: int(2) },
        { fieldPath: "f", maximum: int(10) },
        { fieldPath: "f", increment: int(1) },
      ];
      const { body } = await commit(set("a", { f: int(1) }, { updateTransforms }));
      expect(body).toMatchObject({
        writeResults: [{ transformResults: [int(3), int(10), int(11)] }],
      });
      expect(await fieldsOf("a")).toEqual({ f: int(11) });
    });
  });

  describe("preconditions", () => {
    const stale = { updateTime: "2020-01-01T00:00:00Z" };
    const kinds: [string, (id: string, currentDocument: object) => object][] = [
      ["update", (id, currentDocument) => set(id, { n: int(2) }, { currentDocument })],
      ["delete", (id, currentDocument) => ({ delete: nameOf(id), currentDocument })],
      [
        "transform",
        (id, currentDocument) => ({
          transform: {
            document: nameOf(id),
            fieldTransforms: [{ fieldPath: "n", increment: int(1) }],
          },
          currentDocument,
        }),
      ],
      ["verify", (id, currentDocument) => ({ verify: nameOf(id), currentDocument })],
    ];
    test.each(kinds)("on %s", async (_kind, write) => {
      const answer = await commit(set("a", { n: int(1) }));
      const { writeResults } = answer.body as { writeResults: { updateTime: string }[] };
      const { updateTime } = writeResults[0] ?? { updateTime: "" };
      expect(statusOf(await commit(write("none", { exists: true })))).toBe("NOT_FOUND");
      expect(statusOf(await commit(write("none", stale)))).toMatch(
        /^(FAILED_PRECONDITION|NOT_FOUND)$/,
      );
      expect(statusOf(await commit(write("a", stale)))).toBe("FAILED_PRECONDITION");
      expect(statusOf(await commit(write("a", { exists: false })))).toBe("ALREADY_EXISTS");
      expect(await fieldsOf("a")).toEqual({ n: int(1) });
      expect(statusOf(await commit(write("a", { updateTime })))).toBe("OK");
    });

    test("a refused write takes the whole commit with it", async () => {
      const refused = set("b", {}, { currentDocument: { exists: true } });
      expect(statusOf(await commit(set("a", { n: int(1) }), refused))).toBe("NOT_FOUND");
      expect(statusOf(await rest("GET", `/${base}/a`))).toBe("NOT_FOUND");
    });
  });

  describe("limits", () => {
    // Google's emulator counts in its own way; the documented formula is production's.
    test("a document of exactly 1 MiB is stored, one byte more is refused", async () => {
      const size = longest("a");
      expect(statusOf(await commit(set("a", { t: text("x".repeat(size)) })))).toBe("OK");
      expect(statusOf(await commit(set("a", { t: text("x".repeat(size + 1)) })))).toBe(
        "INVALID_ARGUMENT",
      );
    });

    test("a commit of 500 writes is applied, one of 501 is refused", async () => {
      const writes = Array.from({ length: 501 }, (_, n) => set(`d${n}`, {}));
      expect(statusOf(await commit(...writes))).toBe("INVALID_ARGUMENT");
      expect(statusOf(await commit(...writes.slice(1)))).toBe("OK");
    });

    test("a request beyond 10 MiB is refused", async () => {
      const big = text("x".repeat(1_000_000));
      const writes = Array.from({ length: 11 }, (_, n) => set(`d${n}`, { big }));
      expect((await commit(...writes)).status).toBeGreaterThanOrEqual(400);
      expect(statusOf(await rest("GET", `/${base}/d0`))).toBe("NOT_FOUND");
      expect(statusOf(await commit(...writes.slice(1)))).toBe("OK");
    });

    test("maps may be nested 20 deep", async () => {
      const nested = (depth: number): Value =>
        depth === 0 ? int(1) : map({ m: nested(depth - 1) });
      expect(statusOf(await commit(set("a", { m: nested(19) })))).toBe("OK");
      expect(statusOf(await commit(set("a", { m: nested(21) })))).toBe("INVALID_ARGUMENT");
    });

    test("a list directly in a list is refused", async () => {
      expect(statusOf(await commit(set("a", { l: list(list(int(1))) })))).toBe("INVALID_ARGUMENT");
    });
  });

  test("negative zero, NaN and both infinities come back as they were written", async () => {
    const numbers = {
      zero: double("-0"),
      nan: double("NaN"),
      up: double("Infinity"),
      down: double("-Infinity"),
    };
    await commit(set("a", numbers));
    const fields = (await fieldsOf("a")) as Record<string, { doubleValue: unknown }>;
    const read = Object.entries(fields).map(([key, { doubleValue }]) => [key, Number(doubleValue)]);
    expect(Object.fromEntries(read)).toEqual({
      zero: -0,
      nan: Number.NaN,
      up: Number.POSITIVE_INFINITY,
      down: Number.NEGATIVE_INFINITY,
    });
  });
}

/** Doubles may be spelled as numbers or as text, and an empty list without its values. */
function spelled(value: Value): unknown {
  return JSON.parse(JSON.stringify(value, respell));
}

function respell(key: string, inner: unknown): unknown {
  if (key === "doubleValue") return String(inner);
  return key === "arrayValue" ? { values: [], ...(inner as object) } : inner;
}
