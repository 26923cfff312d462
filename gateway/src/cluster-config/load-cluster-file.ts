/** Reads the file named by BIFROST_CONFIG. */
import { readFile, stat } from "node:fs/promises";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { ClusterFile } from "./cluster-config.ts";
import { MAX_FILE_BYTES, readClusterFile } from "./read-cluster-file.ts";

export interface LoadFileOptions {
  readonly file: string;
  readonly storePassword: string | null;
}

/** Throws `cluster-config-invalid`. */
export async function loadClusterFile({
  file,
  storePassword,
}: LoadFileOptions): Promise<ClusterFile> {
  return readClusterFile(await textOf(file), { file, storePassword });
}

async function textOf(file: string): Promise<string> {
  const { size } = await stat(file).catch((error: unknown) => refuse(file, messageOf(error)));
  if (size > MAX_FILE_BYTES) {
    return refuse(file, `it has ${size} bytes, at most ${MAX_FILE_BYTES} are allowed`);
  }
  const bytes = await readFile(file).catch((error: unknown) => refuse(file, messageOf(error)));
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return refuse(file, "it is not UTF-8 text");
  }
}

function refuse(file: string, why: string): never {
  const remedy =
    "BIFROST_CONFIG must name a readable JSON file; unset it to run this gateway alone, on Firestore";
  throw new BifrostError("cluster-config-invalid", `${file} cannot be read: ${why}; ${remedy}`, {
    file,
  });
}
