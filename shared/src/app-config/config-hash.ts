import { createHash } from "node:crypto";
import type { AppConfig } from "./app-config.ts";
import { canonicalConfig } from "./canonical.ts";

/** SHA-256, in hex, of the canonical text: equal configs have equal hashes however they were written. */
export function configHash(config: AppConfig): string {
  return createHash("sha256").update(canonicalConfig(config), "utf8").digest("hex");
}
