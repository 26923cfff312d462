/** Writes the retry policy into a workflow file, between its marker comments: the policy's numbers exist once. */
import type { RetryPolicy } from "@bifrost/shared/domain/retry-policy";
import { FUNCTION_CALL_RETRY } from "@bifrost/shared/domain/retry-policy";

/** Errors without a status that are worth repeating. */
const RETRYABLE_TAGS = ["ConnectionError", "ConnectionFailedError", "TimeoutError"];

const BLOCKS = { retry: retryBlock, "retry-predicate": predicateBlock } as const;

/** Whether the text has a block this generator fills. */
export function hasRetryBlocks(text: string): boolean {
  return text.includes("# begin generated: retry");
}

/**
 * The text with every retry block replaced; text without markers comes back unchanged.
 * @throws Error when a block is opened and not closed.
 */
export function generateWorkflowRetries(
  text: string,
  policy: RetryPolicy = FUNCTION_CALL_RETRY,
): string {
  return Object.entries(BLOCKS).reduce(
    (current, [name, block]) => fillBlock(current, name, block(policy)),
    text,
  );
}

function fillBlock(text: string, name: string, lines: readonly string[]): string {
  const out: string[] = [];
  let inside = false;
  for (const line of text.split("\n")) {
    const isBegin = line.trim().startsWith(`# begin generated: ${name} (`);
    const isEnd = line.trim() === `# end generated: ${name}`;
    if (isEnd) inside = false;
    if (!inside) out.push(line);
    if (!isBegin) continue;
    inside = true;
    const indent = line.slice(0, line.indexOf("#"));
    out.push(...lines.map((generated) => indent + generated));
  }
  if (inside) throw new Error(`the block "${name}" is opened and never closed`);
  return out.join("\n");
}

function retryBlock(policy: RetryPolicy): string[] {
  return [
    "retry:",
    "  predicate: ${is_worth_repeating}",
    `  max_retries: ${policy.maxRetries}`,
    "  backoff:",
    `    initial_delay: ${policy.initialDelaySeconds}`,
    `    max_delay: ${policy.maxDelaySeconds}`,
    `    multiplier: ${policy.multiplier}`,
  ];
}

function predicateBlock(policy: RetryPolicy): string[] {
  const byTag = RETRYABLE_TAGS.map((tag) => [
    `      - condition: \${"${tag}" in default(map.get(problem, "tags"), [])}`,
    "        return: true",
  ]).flat();
  return [
    "- look_at_problem:",
    "    switch:",
    `      - condition: \${map.get(problem, "code") in [${policy.statuses.join(", ")}]}`,
    "        return: true",
    ...byTag,
    "- refuse_the_rest:",
    "    return: false",
  ];
}
