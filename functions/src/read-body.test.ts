import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { parseJson, readBytes, readJson } from "./read-body.ts";

const post = (body: string | ReadableStream<Uint8Array>) =>
  new Request("http://f.test/", { method: "POST", body, duplex: "half" });
const schema = v.object({ name: v.string(), more: v.optional(v.object({ deep: v.number() })) });

describe("readBytes", () => {
  it("takes a body of exactly the cap and refuses one byte more", async () => {
    expect(await readBytes(post("12345"), 5)).toHaveLength(5);
    const tooLarge = readBytes(post("123456"), 5);
    await expect(tooLarge).rejects.toMatchObject({ code: "body-too-large", status: 413 });
  });

  it("stops reading a body that never ends", async () => {
    let pulled = 0;
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(1024));
      },
      cancel() {
        cancelled = true;
      },
    });
    await expect(readBytes(post(endless), 10_000)).rejects.toMatchObject({
      code: "body-too-large",
    });
    expect(pulled).toBeLessThan(20);
    expect(cancelled).toBe(true);
  });

  it("of a request without a body is empty", async () => {
    expect(await readBytes(new Request("http://f.test/"), 5)).toHaveLength(0);
  });
});

describe("readJson", () => {
  it("answers what the schema makes of the body", async () => {
    expect(await readJson(post('{"name":"a","extra":1}'), schema)).toEqual({ name: "a" });
  });

  it("accepts 64 KiB unless told otherwise", async () => {
    const large = JSON.stringify({ name: "x".repeat(64 * 1024) });
    await expect(readJson(post(large), schema)).rejects.toMatchObject({ code: "body-too-large" });
    await expect(readJson(post(large), schema, 128 * 1024)).resolves.toHaveProperty("name");
  });

  it("names every place that is wrong", () => {
    expect(() => parseJson('{"name":1,"more":{"deep":"x"}}', schema)).toThrow(
      expect.objectContaining({
        code: "bad-request",
        message: expect.stringMatching(/^name: .*; more\.deep: /),
      }),
    );
  });

  it.each(["{", "nul", '{"name":', "\u0000"])("refuses %j as no JSON", (text) => {
    expect(() => parseJson(text, schema)).toThrow("the body is not JSON");
  });

  it("takes an empty body for an empty object", () => {
    expect(parseJson("", v.strictObject({}))).toEqual({});
  });
});
