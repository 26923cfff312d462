/** Module `hash`. */
import { createHash, createHmac } from "node:crypto";
import type { Value } from "../value.ts";
import { raised } from "../workflow-error.ts";
import type { LibraryModule } from "./function.ts";
import { bytesArgument, libraryFunction, textArgument } from "./function.ts";

const ALGORITHMS: Readonly<Record<string, string>> = {
  MD5: "md5",
  SHA1: "sha1",
  SHA256: "sha256",
  SHA384: "sha384",
  SHA512: "sha512",
};

export const hash: LibraryModule = {
  "hash.compute_checksum": libraryFunction(["data", "algorithm"], (args) => {
    const algorithm = algorithmArgument(args, 1, "hash.compute_checksum");
    const data = bytesArgument(args, 0, "hash.compute_checksum");
    return new Uint8Array(createHash(algorithm).update(data).digest());
  }),
  "hash.compute_hmac": libraryFunction(["key", "data", "algorithm"], (args) => {
    const algorithm = algorithmArgument(args, 2, "hash.compute_hmac");
    const key = bytesArgument(args, 0, "hash.compute_hmac");
    const data = bytesArgument(args, 1, "hash.compute_hmac");
    return new Uint8Array(createHmac(algorithm, key).update(data).digest());
  }),
};

function algorithmArgument(args: readonly Value[], at: number, name: string): string {
  const asked = textArgument(args, at, name);
  const algorithm = ALGORITHMS[asked.toUpperCase().replace("-", "")];
  if (algorithm !== undefined) return algorithm;
  const allowed = Object.keys(ALGORITHMS).join(", ");
  throw raised("ValueError", `${name}: unknown algorithm ${asked}; allowed: ${allowed}`);
}
