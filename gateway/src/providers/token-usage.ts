/**
 * How many tokens a call took, read from its answer as it passes: `usage` of OpenAI and Anthropic, `usageMetadata` of
 * Google, in a JSON body or in server-sent events. Shapes: the providers' API references.
 */
import { jsonOrNull } from "@bifrost/shared/domain/json-or-null";
import * as v from "valibot";

const count = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1e9)));
const usageSchema = v.object({
  total_tokens: count,
  prompt_tokens: count,
  completion_tokens: count,
  input_tokens: count,
  output_tokens: count,
});
const googleSchema = v.object({ totalTokenCount: count });
const answerSchema = v.object({
  usage: v.optional(v.nullable(v.unknown())),
  usageMetadata: v.optional(v.unknown()),
  /** Anthropic's first event holds the message, and in it what went in. */
  message: v.optional(v.object({ usage: v.optional(v.unknown()) })),
  /** OpenAI's last event of its responses API. */
  response: v.optional(v.object({ usage: v.optional(v.nullable(v.unknown())) })),
});

/** Answers longer than this are counted by their length. */
const MOST_JSON_BYTES = 4 * 1024 ** 2;
const MOST_LINE_BYTES = 256 * 1024;
/** A token of English text in UTF-8, by the rule of thumb in OpenAI's help pages. */
const BYTES_PER_TOKEN = 4;

interface Parts {
  readonly input: number;
  readonly output: number;
  readonly total: number;
}

export class TokenUsage {
  private readonly isStream: boolean;
  private readonly requestBytes: number;
  private readonly decoder = new TextDecoder();
  private bytes = 0;
  private text = "";
  private isTooLong = false;
  private known: Parts | null = null;

  constructor(contentType: string, requestBytes: number) {
    this.isStream = contentType.toLowerCase().startsWith("text/event-stream");
    this.requestBytes = requestBytes;
  }

  take(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    if (this.isTooLong && !this.isStream) return;
    this.text += this.decoder.decode(chunk, { stream: true });
    if (this.isStream) this.takeLines();
    else if (this.text.length > MOST_JSON_BYTES) this.giveUp();
  }

  /** What the answer said, or else an estimate from the lengths of question and answer. */
  total(): { readonly tokens: number; readonly isEstimate: boolean } {
    if (!this.isStream && !this.isTooLong) this.read(this.text);
    if (this.known === null) {
      const bytes = this.requestBytes + this.bytes;
      return { tokens: Math.ceil(bytes / BYTES_PER_TOKEN), isEstimate: true };
    }
    const { input, output, total } = this.known;
    return { tokens: Math.max(total, input + output), isEstimate: false };
  }

  private takeLines(): void {
    const lines = this.text.split("\n");
    this.text = lines.pop() ?? "";
    for (const line of lines) {
      if (this.isTooLong) this.isTooLong = false;
      else if (line.startsWith("data:") && line.includes('"usage')) this.read(line.slice(5));
    }
    if (this.text.length > MOST_LINE_BYTES) this.giveUp();
  }

  /** Of a stream, only until the end of the line. */
  private giveUp(): void {
    this.text = "";
    this.isTooLong = true;
  }

  private read(text: string): void {
    const answer = v.safeParse(answerSchema, jsonOrNull(text));
    if (!answer.success) return;
    const { usage, usageMetadata, message, response } = answer.output;
    for (const found of [usage, message?.usage, response?.usage]) this.add(partsOf(found));
    const google = v.safeParse(googleSchema, usageMetadata);
    if (google.success)
      this.add({ input: 0, output: 0, total: google.output.totalTokenCount ?? 0 });
  }

  /** Counts of a stream only grow, and each event may hold just some of them. */
  private add(parts: Parts | null): void {
    if (parts === null) return;
    const { input, output, total } = this.known ?? { input: 0, output: 0, total: 0 };
    this.known = {
      input: Math.max(input, parts.input),
      output: Math.max(output, parts.output),
      total: Math.max(total, parts.total),
    };
  }
}

function partsOf(found: unknown): Parts | null {
  const usage = v.safeParse(usageSchema, found);
  if (!usage.success) return null;
  const { input_tokens, prompt_tokens, output_tokens, completion_tokens, total_tokens } =
    usage.output;
  const input = input_tokens ?? prompt_tokens;
  const output = output_tokens ?? completion_tokens;
  if (input === undefined && output === undefined && total_tokens === undefined) return null;
  return { input: input ?? 0, output: output ?? 0, total: total_tokens ?? 0 };
}
