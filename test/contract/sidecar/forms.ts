/** The forms a sidecar comes in, each as the command that starts it. */
import path from "node:path";
import type { Variant } from "../../../sidecar/native/variant.ts";
import { lacksNative, nativeBinary } from "../../../sidecar/testing/native-binary.ts";
import { ROOT } from "../../support/folders.ts";

export interface Form {
  readonly name: string;
  readonly hasTls: boolean;
  readonly resolvesNames: boolean;
  /** What it may use of memory, whatever is done to it. */
  readonly maxResidentKb: number;
  /** Why it cannot be had here; null when it can. */
  lacks(): string | null;
  argv(): Promise<readonly string[]>;
}

export const FORMS: readonly Form[] = [
  {
    name: "wasm on Node",
    hasTls: true,
    resolvesNames: true,
    maxResidentKb: 100_000,
    lacks: () => null,
    argv: () => nodeHost(),
  },
  native("native", "sidecar", false),
  native("native with TLS", "sidecar-tls", true),
];

function native(name: string, variant: Variant, isFull: boolean): Form {
  return {
    name,
    hasTls: isFull,
    resolvesNames: isFull,
    maxResidentKb: 256,
    lacks: () => lacksNative(),
    argv: async () => [await nativeBinary(variant)],
  };
}

/** The program that the local platform runs; bundled unless it is up to date. */
async function nodeHost(): Promise<readonly string[]> {
  const script = path.join(ROOT, "scripts", "bundle.mjs");
  const bundling = (await import(script)) as { bundle(): Promise<void> };
  await bundling.bundle();
  return [process.execPath, path.join(ROOT, "dist", "sidecar.mjs")];
}
