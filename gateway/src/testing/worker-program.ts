/** The worker's program as production runs it, bundled for a test. */
import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";

const ROOT = new URL("../../..", import.meta.url).pathname;

export interface BuiltPrograms {
  /** Path of a program by its file below gateway/src, without its ending. */
  script(name: string): string;
  remove(): void;
}

export async function buildPrograms(...names: readonly string[]): Promise<BuiltPrograms> {
  // Below the root, where it finds node_modules as dist/ does.
  const folder = mkdtempSync(path.join(ROOT, "node_modules", ".gateway-"));
  await build({
    entryPoints: names.map((name) => path.join(ROOT, "gateway/src", `${name}.ts`)),
    outdir: folder,
    entryNames: "[name]",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    splitting: true,
    sourcemap: "linked",
    plugins: [
      {
        name: "external-packages",
        setup: (setup) =>
          setup.onResolve({ filter: /^[^./]/ }, ({ path: name, kind }) =>
            kind === "entry-point" || name.startsWith("@bifrost/")
              ? null
              : { path: name, external: true },
          ),
      },
    ],
  });
  return {
    script: (name) => path.join(folder, `${path.basename(name)}.mjs`),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
