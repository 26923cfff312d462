/** Reads the policies that come with the gateway. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import { type PolicyScript, STANDARD_PREFIX } from "@bifrost/shared/domain/policy";
import { STANDARD_POLICIES } from "@bifrost/shared/domain/standard-policies";

/** `program` is the URL of an entry point: bundled, the folder lies beside it. */
export function standardPolicyFolder(program: string): URL {
  return new URL(program.endsWith(".ts") ? "../policies/" : "policies/", program);
}

/** Throws `internal` when one of them cannot be read: the gateway is not whole then. */
export function readStandardPolicies(folder: URL): Promise<readonly PolicyScript[]> {
  return Promise.all(
    Object.keys(STANDARD_POLICIES).map(async (name) => ({
      name: `${STANDARD_PREFIX}${name}`,
      kind: "request" as const,
      version: 0,
      source: await readSource(new URL(`${name}.lua`, folder)),
    })),
  );
}

async function readSource(file: URL): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const message = `The standard policy ${fileURLToPath(file)} cannot be read: ${messageOf(error)}`;
    throw new BifrostError("internal", message);
  }
}
