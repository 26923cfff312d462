/** docs/errors.md's tables: what a call answers, why a deployment failed, how the command line ends. */
import { ERROR_KINDS } from "@bifrost/shared/domain/errors";
import { FAILURE_KINDS } from "@bifrost/shared/domain/failure";
import { code, markdownTable } from "./markdown-table.ts";

export function errorTable(): string {
  const rows = Object.entries(ERROR_KINDS).map(([name, { status, retryable, meaning }]) => [
    code(name),
    String(status),
    retryable ? "yes" : "no",
    meaning,
  ]);
  return markdownTable(["code", "HTTP status", "worth repeating", "meaning"], rows);
}

export function failureTable(): string {
  const rows = Object.entries(FAILURE_KINDS).map(([name, { title, hint }]) => [
    code(name),
    title,
    hint,
  ]);
  return markdownTable(["code", "what happened", "what to do"], rows);
}

export function exitCodeTable(codes: Readonly<Record<string, number>>): string {
  const rows = Object.entries(codes).map(([name, value]) => [String(value), wordsOf(name)]);
  return markdownTable(["exit code", "meaning"], rows);
}

/** `deploymentFailed` becomes "deployment failed". */
function wordsOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
