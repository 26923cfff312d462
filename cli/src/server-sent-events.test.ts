import { array, assert, asyncProperty, constantFrom, integer, string } from "fast-check";
import { describe, expect, it } from "vitest";
import { readServerSentEvents } from "./server-sent-events.ts";

function responseOf(chunks: readonly Uint8Array[]): Response {
  return new Response(
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    }),
  );
}

async function collect(response: Response): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const data of readServerSentEvents(response)) found.push(data);
  return found;
}

function read(...texts: readonly string[]): Promise<readonly string[]> {
  const encoder = new TextEncoder();
  return collect(responseOf(texts.map((text) => encoder.encode(text))));
}

describe("server-sent events", () => {
  it.each<[string, string, readonly string[]]>([
    ["one event", "event: log\ndata: {}\n\n", ["{}"]],
    ["comments between events", ": beat\n\ndata: 1\n\n: beat\n\ndata: 2\n\n", ["1", "2"]],
    ["data over several lines", "data: a\ndata: b\n\n", ["a\nb"]],
    ["no space after the colon", "data:a\n\n", ["a"]],
    ["more than one space", "data:  a\n\n", [" a"]],
    ["line ends of other systems", "data: a\r\ndata: b\r\n\r\ndata: c\r\r", ["a\nb", "c"]],
    ["an event that was cut off", "data: a\n\ndata: b", ["a"]],
    ["nothing", "", []],
  ])("are read from %s", async (_, text, expected) => {
    expect(await read(text)).toEqual(expected);
  });

  it("are the same wherever the stream is cut into chunks, even inside a character", async () => {
    const event = string({ unit: "grapheme", minLength: 1 });
    const cuts = array(integer({ min: 0, max: 400 }));
    const newline = constantFrom("\n", "\r\n");
    await assert(
      asyncProperty(array(event), cuts, newline, async (values, places, end) => {
        const sent = values.map((value) => JSON.stringify(value));
        const text = sent.map((data) => `event: log${end}data: ${data}${end}${end}`).join(": ");
        const bytes = new TextEncoder().encode(text);
        const edges = [0, ...places.filter((at) => at < bytes.length), bytes.length];
        const sorted = edges.toSorted((one, other) => one - other);
        const chunks = sorted.slice(1).map((to, at) => bytes.slice(sorted[at], to));
        const found = await collect(responseOf(chunks));
        expect(found).toEqual(sent);
      }),
    );
  });

  it("are given up when one never ends", async () => {
    const parts = Array.from({ length: 5 }, () => "x".repeat(1_000_000));
    await expect(read("data: ", ...parts)).rejects.toThrow("too large");
  });
});
