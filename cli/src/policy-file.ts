/** A policy as it lies in a folder: `limits.lua`, and its tests beside it in `limits_test.lua`. */
import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import path from "node:path";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
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
  const source = read(place) ?? missing(place);
  const stem = place.slice(0, -EXTENSION.length);
  const name = nameOf(options.name ?? path.basename(stem).replaceAll("_", "-"));
  if (options.test === undefined) {
    const testFile = `${stem}_test${EXTENSION}`;
    const test = read(testFile);
    return { name, source, test, testFile: test === null ? null : testFile };
  }
  const testFile = path.resolve(folder, options.test);
  return { name, source, test: read(testFile) ?? missing(testFile), testFile };
}

function missing(file: string): never {
  throw new BifrostError("bad-request", `there is no file ${file}`);
}

function nameOf(text: string): string {
  const parsed = v.safeParse(policyNameSchema, text);
  if (parsed.success) return parsed.output;
  throw new BifrostError(
    "bad-request",
    `${JSON.stringify(text)} cannot be a policy's name: it ${parsed.issues[0].message}; name it with --name`,
  );
}

/** null = it is not there. */
function read(file: string): string | null {
  const bytes = readBytes(file);
  if (bytes === null || isUtf8(bytes)) return bytes?.toString("utf8") ?? null;
  throw new BifrostError("bad-request", `${file} is not UTF-8 text; policies are pushed as source`);
}

function readBytes(file: string): Buffer | null {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw new BifrostError("bad-request", `${file} cannot be read: ${messageOf(error)}`);
  }
}
