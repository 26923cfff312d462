import { array, assert, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { TokenUsage } from "./token-usage.ts";

const JSON_TYPE = "application/json";
const STREAM_TYPE = "text/event-stream; charset=utf-8";

const OPENAI = JSON.stringify({
  id: "x",
  choices: [{ message: { content: "hello" } }],
  usage: { prompt_tokens: 9, completion_tokens: 12, total_tokens: 21 },
});
const ANTHROPIC = JSON.stringify({
  type: "message",
  content: [{ type: "text", text: "hi" }],
  usage: { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 0 },
});
const GOOGLE = JSON.stringify({
  candidates: [],
  usageMetadata: { promptTokenCount: 4, candidatesTokenCount: 3, totalTokenCount: 7 },
});
const OPENAI_STREAM = `data: {"choices":[{"delta":{"content":"a"}}],"usage":null}

data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}

data: [DONE]

`;
const ANTHROPIC_STREAM = `event: message_start
data: {"type":"message_start","message":{"usage":{"input_tokens":25,"output_tokens":1}}}

event: content_block_delta
data: {"type":"content_block_delta","delta":{"text":"é"}}

event: message_delta
data: {"type":"message_delta","usage":{"output_tokens":15}}

`;
const RESPONSES_STREAM = `event: response.completed
data: {"type":"response.completed","response":{"usage":{"input_tokens":8,"output_tokens":2,"total_tokens":10}}}

`;

const STATED = [
  ["OpenAI", JSON_TYPE, OPENAI, 21],
  ["Anthropic", JSON_TYPE, ANTHROPIC, 15],
  ["Google", JSON_TYPE, GOOGLE, 7],
  ["a stream of OpenAI", STREAM_TYPE, OPENAI_STREAM, 7],
  ["a stream of Anthropic", STREAM_TYPE, ANTHROPIC_STREAM, 40],
  ["a stream of OpenAI's responses", STREAM_TYPE, RESPONSES_STREAM, 10],
] as const;

test.each(STATED)(
  "the tokens that %s states are found however it is cut",
  (_who, type, text, tokens) => {
    const bytes = Buffer.from(text);
    assert(
      property(array(integer({ min: 0, max: bytes.length }), { maxLength: 8 }), (cuts) => {
        const usage = new TokenUsage(type, 100);
        const ends = [...cuts.toSorted((a, b) => a - b), bytes.length];
        let from = 0;
        for (const end of ends) {
          usage.take(bytes.subarray(from, end));
          from = end;
        }
        expect(usage.total()).toEqual({ tokens, isEstimate: false });
      }),
      { numRuns: 50 },
    );
  },
);

test.each([
  ["says nothing of tokens", JSON_TYPE, '{"data":[]}'],
  ["is not JSON", JSON_TYPE, "<html>"],
  ["states nonsense", JSON_TYPE, '{"usage":{"total_tokens":-5}}'],
  ["is a stream without usage", STREAM_TYPE, "data: {}\n\n"],
  ["is audio", "audio/mpeg", "\u0000\u0001"],
])("an answer that %s is estimated from both lengths", (_how, type, text) => {
  const usage = new TokenUsage(type, 400);
  usage.take(Buffer.from(text));
  const tokens = Math.ceil((400 + Buffer.byteLength(text)) / 4);
  expect(usage.total()).toEqual({ tokens, isEstimate: true });
});

test("an endless answer is not kept", () => {
  const chunk = Buffer.alloc(1024 ** 2, "a");
  for (const type of [JSON_TYPE, STREAM_TYPE]) {
    const usage = new TokenUsage(type, 0);
    for (let i = 0; i < 64; i++) usage.take(chunk);
    expect(usage.total()).toEqual({ tokens: 16 * 1024 ** 2, isEstimate: true });
  }
});

test("after a line that is too long, a stream is read on", () => {
  const usage = new TokenUsage(STREAM_TYPE, 0);
  usage.take(Buffer.alloc(300 * 1024, "a"));
  usage.take(Buffer.from(` "usage"\n${OPENAI_STREAM}`));
  expect(usage.total()).toEqual({ tokens: 7, isEstimate: false });
});
