/** What a gateway that runs alone loads: its start is not to get slower by a cluster it has no part in. */
import path from "node:path";
import { build } from "esbuild";
import { expect, test } from "vitest";

const ROOT = new URL("../..", import.meta.url).pathname;

/** Files that are loaded with the entry point, and with what it loads in any case. */
async function loadedBy(...entries: readonly string[]): Promise<readonly string[]> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [...entries],
    outdir: "unused",
    bundle: true,
    write: false,
    metafile: true,
    platform: "node",
    format: "esm",
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
  const loaded = new Set<string>();
  const visit = (file: string): void => {
    if (loaded.has(file)) return;
    loaded.add(file);
    for (const { path: next, kind, external } of metafile.inputs[file]?.imports ?? []) {
      if (kind === "import-statement" && external !== true) visit(next);
    }
  };
  for (const entry of entries) visit(entry);
  return [...loaded];
}

const folderOf = (file: string): string => path.dirname(path.relative("gateway/src", file));

test("a gateway that runs alone loads nothing of gossip, discovery and the gossip process", async () => {
  const loaded = await loadedBy("gateway/src/main.ts", "gateway/src/gateway.ts");
  expect(loaded).toContain("gateway/src/workers/cluster.ts");
  const folders = new Set(loaded.map(folderOf));
  for (const folder of ["cluster", "gossip/mesh", "discovery"]) {
    expect([...folders]).not.toContain(folder);
  }
  // Limits share its codec.
  for (const file of ["gossip-node", "swim", "udp-transport"]) {
    expect(loaded).not.toContain(`gateway/src/gossip/${file}.ts`);
  }
});

test("the gossip process loads nothing of routing, policies and the control API", async () => {
  const loaded = await loadedBy("gateway/src/gossip-node.ts");
  const folders = new Set(loaded.map(folderOf));
  expect([...folders]).toContain("gossip");
  for (const folder of ["routing", "policies", "lua", "telemetry", "control"]) {
    expect([...folders]).not.toContain(folder);
  }
});
