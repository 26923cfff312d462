/** A policy as it lies in a folder: `limits.lua`, and its tests beside it in `limits_test.lua`. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { policyNameSchema } from "@bifrost/shared/domain/policy";
import * as v from "valibot";

export interface PolicyFile {
  readonly name: string;
  readonly source: string;
  readonly test: string | null;
  /** Where the tests were read; null = there are none. */
  readonly testFile: string | null;
}

export interface PolicyFileOptions {
  /** In place of the file beside it. */
  readonly test?: string;
  /** In place of the file's own. */
  readonly name?: string;
}

const EXTENSION = ".lua";

/** Throws `bad-request` when a file is missing or its name is none for a policy. */
export function readPolicyFile(
  folder: string,
  file: string,
  options: PolicyFileOptions,
): PolicyFile {
  const place = path.resolve(folder, file);
  if (!place.endsWith(EXTENSION))
    throw new BifrostError("bad-request", `${file} is no Lua file; its name must end in .lua`);
  const source = read(place);
  if (source === null) throw new BifrostError("bad-request", `there is no file ${place}`);
  const stem = place.slice(0, -EXTENSION.length);
  const name = nameOf(options.name ?? path.basename(stem).replaceAll("_", "-"));
  if (options.test === undefined) {
    const testFile = `${stem}_test${EXTENSION}`;
    const test = read(testFile);
    return { name, source, test, testFile: test === null ? null : testFile };
  }
  const testFile = path.resolve(folder, options.test);
  const test = read(testFile);
  if (test === null) throw new BifrostError("bad-request", `there is no file ${testFile}`);
  return { name, source, test, testFile };
}

function nameOf(text: string): string {
  const parsed = v.safeParse(policyNameSchema, text);
  if (parsed.success) return parsed.output;
  throw new BifrostError(
    "bad-request",
    `${JSON.stringify(text)} cannot be a policy's name: it ${parsed.issues[0].message}; name it with --name`,
  );
}

function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
