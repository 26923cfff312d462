// Bundles the programs with esbuild so that they start in a fraction of the time that TypeScript on the fly takes.
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { ROOT } from "./prepare.mjs";

export const DIST = path.join(ROOT, "dist");
const STAMP = path.join(DIST, ".sources");
/** The sidecar's compiled core, which its bundle takes in. */
const CORE = path.join(DIST, "core.wasm");
const CORE_STAMP = path.join(DIST, ".core-sources");
const SOURCES = ["shared", "functions", "gateway", "sidecar", "pack", "cli", "local", "scripts"];

/** Programs that find node_modules where they run. */
const WITH_PACKAGES = {
  local: "local/src/main.ts",
  functions: "local/src/functions-host.ts",
  gateway: "gateway/src/main.ts",
  "gateway-worker": "gateway/src/gateway-worker.ts",
  "policy-check": "gateway/src/policy-check.ts",
  "alert-rules": "gateway/src/alert-rules.ts",
  "gossip-node": "gateway/src/gossip-node.ts",
  collector: "gateway/src/collector-main.ts",
};
/** Programs that run alone: in a sandbox, in a pod, from any folder. The sidecar is one more of them. */
const SELF_CONTAINED = {
  pack: "pack/src/main.ts",
  cli: "cli/src/main.ts",
};

/** Names, sizes and times of all sources in the folders: changes whenever what is made of them could. */
function fingerprint(folders) {
  const hash = createHash("sha256");
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.name === "node_modules" || entry.name === "dist") continue;
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) visit(file);
      else if (/\.(ts|mjs|json|lua)$/.test(entry.name) && !entry.name.includes(".test.")) {
        const { mtimeMs, size } = statSync(file);
        hash.update(`${file}:${size}:${mtimeMs}\n`);
      }
    }
  };
  for (const folder of folders) visit(path.join(ROOT, folder));
  hash.update(statSync(path.join(ROOT, "package-lock.json")).mtimeMs.toString());
  return hash.digest("hex");
}

/** Lets bundled CommonJS code call require() inside an ES module. */
const REQUIRE_SHIM =
  "import { createRequire as __bifrostRequire } from 'node:module'; const require = __bifrostRequire(import.meta.url);";

export async function bundle() {
  const wanted = fingerprint(SOURCES);
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === wanted) return;
  const { build } = await import("esbuild");
  const common = {
    absWorkingDir: ROOT,
    outdir: DIST,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "error",
    sourcemap: "linked",
    minifySyntax: true,
  };
  mkdirSync(DIST, { recursive: true });
  await Promise.all([
    bundleSidecar(build, common),
    // Workspaces are packages to the resolver: only they are taken in, the rest stays where npm put it.
    build({
      ...common,
      entryPoints: WITH_PACKAGES,
      plugins: [externalPackages],
      splitting: true,
      chunkNames: "chunks/[name]-[hash]",
    }),
    build({ ...common, entryPoints: SELF_CONTAINED, banner: { js: REQUIRE_SHIM } }),
  ]);
  // The gateway reads them at start.
  const policies = path.join(ROOT, "gateway/policies");
  if (existsSync(policies)) cpSync(policies, path.join(DIST, "policies"), { recursive: true });
  writeFileSync(STAMP, wanted);
}

/** Compiling the core takes longer than everything else, so it is done only when the core itself changed. */
async function bundleSidecar(build, common) {
  const wanted = fingerprint(["sidecar/core", "scripts"]);
  if (!existsSync(CORE_STAMP) || readFileSync(CORE_STAMP, "utf8") !== wanted) {
    const { compileCore } = await import("./compile-core.mjs");
    writeFileSync(CORE, await compileCore());
    writeFileSync(CORE_STAMP, wanted);
  }
  const core = {
    name: "core",
    setup: ({ onResolve }) => onResolve({ filter: /\/core\.wasm$/ }, () => ({ path: CORE })),
  };
  await build({
    ...common,
    entryPoints: { sidecar: "sidecar/host/node.ts" },
    loader: { ".wasm": "binary" },
    plugins: [core],
  });
}

const externalPackages = {
  name: "external-packages",
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, ({ path: name, kind }) =>
      kind === "entry-point" || name.startsWith("@bifrost/")
        ? null
        : { path: name, external: true },
    );
  },
};
