/** `npm run generate`: writes every generated text; with `--check` names the stale files and ends with 1. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf } from "@bifrost/shared/domain/errors";
import { targetsOf, type Target } from "./generate/targets.ts";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

const USAGE = `Usage: npm run generate [-- --check]

Renews every generated text from the tables in the code; edit the tables, never the text.

  --check   change nothing; name the stale files and end with 1
`;

export interface Renewal {
  readonly file: string;
  readonly text: string;
}

/**
 * The files whose generated text is not what the tables say, each with its text as it should be.
 * @throws Error naming a file whose markers are missing.
 */
export function renewals(
  targets: readonly Target[],
  read: (file: string) => string,
): readonly Renewal[] {
  return targets.flatMap(({ file, render }) => {
    const current = read(file);
    const text = rendered(file, () => render(current));
    return text === current ? [] : [{ file, text }];
  });
}

/** The repository's own files; one that does not exist yet is empty. */
export function readFromRoot(file: string): string {
  const place = path.join(ROOT, file);
  return existsSync(place) ? readFileSync(place, "utf8") : "";
}

function rendered(file: string, render: () => string): string {
  try {
    return render();
  } catch (error) {
    throw new Error(`${file}: ${messageOf(error)}`, { cause: error });
  }
}

function main(options: readonly string[]): number {
  const unknown = options.filter((option) => option !== "--check" && option !== "--help");
  if (unknown.length > 0 || options.includes("--help")) {
    (unknown.length > 0 ? console.error : console.log)(USAGE);
    return unknown.length > 0 ? 64 : 0;
  }
  const stale = renewals(targetsOf(ROOT), readFromRoot);
  if (options.includes("--check")) {
    for (const { file } of stale) console.error(`${file} is stale: npm run generate renews it`);
    return stale.length === 0 ? 0 : 1;
  }
  for (const { file, text } of stale) {
    writeFileSync(path.join(ROOT, file), text);
    console.log(`renewed ${file}`);
  }
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = main(process.argv.slice(2));
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 1;
  }
}
