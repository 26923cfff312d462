/** Guesses how a folder's app is built and started, for a first deploy.toml. Pure. */
import type { Runtime } from "@bifrost/shared/app-config/runtimes";
import { slugFrom } from "@bifrost/shared/domain/ids";

/** Files that give a runtime away, the surest first. */
const SIGNS: readonly { readonly file: string; readonly runtime: Runtime }[] = [
  { file: "Dockerfile", runtime: "docker" },
  { file: "package.json", runtime: "node" },
  { file: "go.mod", runtime: "go" },
  { file: "requirements.txt", runtime: "python" },
  { file: "main.py", runtime: "python" },
  { file: "Cargo.toml", runtime: "rust" },
  { file: "mix.exs", runtime: "elixir" },
  { file: "build.zig", runtime: "zig" },
  { file: "dune-project", runtime: "ocaml" },
  { file: "server.js", runtime: "node" },
  { file: "index.js", runtime: "node" },
  { file: "index.html", runtime: "static" },
  { file: "public/index.html", runtime: "static" },
];

export interface Detected {
  readonly runtime: Runtime;
  /** The file that gave it away. */
  readonly sign: string;
  readonly command?: string;
  readonly staticDir?: string;
}

export function detectRuntime(has: (file: string) => boolean): Detected | null {
  const found = SIGNS.find(({ file }) => has(file));
  if (found === undefined) return null;
  const { file: sign, runtime } = found;
  if (runtime === "node" && sign !== "package.json")
    return { runtime, sign, command: `node ${sign}` };
  if (sign === "public/index.html") return { runtime, sign, staticDir: "public" };
  return { runtime, sign };
}

/** A deploy.toml that says what was found and nothing that has a default. */
export function firstDeployToml(folderName: string, detected: Detected): string {
  const name = slugFrom(folderName) ?? "app";
  const lines = ["[app]", `name = "${name}"`, `runtime = "${detected.runtime}"`];
  if (detected.command !== undefined) lines.push("", "[run]", `command = "${detected.command}"`);
  if (detected.staticDir !== undefined) lines.push("", "[static]", `dir = "${detected.staticDir}"`);
  lines.push("", "[health]", 'path = "/healthz"');
  if (detected.runtime === "static") lines.splice(-3);
  return `${lines.join("\n")}\n`;
}
