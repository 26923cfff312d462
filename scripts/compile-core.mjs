// Compiles the sidecar's core to WebAssembly, in memory: the same sources that TypeScript checks and the tests run.
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { mergeDataSegments } from "./merge-data-segments.mjs";

const CORE = fileURLToPath(new URL("../sidecar/core", import.meta.url));

/**
 * - stub: memory is given out and never taken back, because the core allocates at its start only.
 * - noAssert and no abort: a bug ends as a trap; bounds of arrays are still checked.
 * - 2 pages to start with, 8 at most: what the core allocates fits into the first two.
 */
const FLAGS = [
  "--runtime=stub",
  "-Osize",
  "--noAssert",
  "--use=abort=",
  "--initialMemory=2",
  "--maximumMemory=8",
];

/**
 * The bytes of the module. `flags` are asc's, beyond those above: the tests ask for the allocator's export. `source` gives
 * the text of a file, or null: the tests of the native host bring a core of their own.
 * @param {{ flags?: readonly string[], source?: (name: string) => string | null }} [options]
 * @returns {Promise<Uint8Array>}
 */
export async function compileCore({ flags = [], source = read } = {}) {
  const { default: asc } = await import("assemblyscript/asc");
  let wasm;
  const messages = [];
  const { error } = await asc.main(["main.ts", "--outFile", "core.wasm", ...FLAGS, ...flags], {
    readFile: (name) => source(name),
    writeFile: (name, contents) => void (name === "core.wasm" && (wasm = contents)),
    listFiles: () => [],
    stderr: { write: (text) => void messages.push(text) },
  });
  if (error !== null || wasm === undefined) {
    throw new Error(`sidecar/core does not compile:\n${messages.join("")}`, { cause: error });
  }
  return mergeDataSegments(wasm);
}

/** asc asks for names with and without extension and takes null for "not there". */
function read(name) {
  try {
    return readFileSync(path.join(CORE, name), "utf8");
  } catch {
    return null;
  }
}
