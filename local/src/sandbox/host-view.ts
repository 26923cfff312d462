/** What of the host a sandboxed process may see: toolchains and resolver files, read-only, never a home. */
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { homedir } from "node:os";
import { dirname } from "node:path";

export interface HostView {
  /** Host paths shown read-only at the same place. */
  readonly readOnly: readonly string[];
  /** Links that make a merged /usr look as it does on the host: [target, link]. */
  readonly links: readonly (readonly [string, string])[];
  /** Value of PATH inside when the spec names none. */
  readonly path: string;
}

const ROOTS = ["/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin"];
const ETC = [
  "ssl",
  "ca-certificates",
  "pki",
  "resolv.conf",
  "hosts",
  "nsswitch.conf",
  "passwd",
  "group",
  "alternatives",
  "localtime",
].map((name) => `/etc/${name}`);

/** Directories that belong to the sandbox itself: an image cannot replace them. */
export const SANDBOX_ROOTS: readonly string[] = ["/usr", ...ROOTS, "/etc", "/proc", "/dev"];

/** Reads the host once; `prefixes` are toolchain installations outside /usr. */
export function hostView(prefixes: readonly string[]): HostView {
  const readOnly = ["/usr", ...ETC.filter((path) => existsSync(path))];
  const links: [string, string][] = [];
  for (const path of ROOTS) {
    if (!existsSync(path)) continue;
    if (lstatSync(path).isSymbolicLink()) links.push([readlinkSync(path), path]);
    else readOnly.push(path);
  }
  const outside = prefixes.filter((prefix) => isSafePrefix(prefix));
  readOnly.push(...outside);
  const bins = outside.map((prefix) => `${prefix}/bin`).filter((bin) => existsSync(bin));
  return {
    readOnly,
    links,
    path: [...bins, "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"].join(":"),
  };
}

/** Installation prefixes of this Node and of the python3 on PATH, where they lie outside /usr. */
export function findToolchainPrefixes(nodePrefix?: string): readonly string[] {
  const python = spawnSync("python3", ["-c", "import sys; print(sys.base_prefix)"], {
    encoding: "utf8",
    timeout: 5000,
  });
  const found = [nodePrefix ?? dirname(dirname(process.execPath)), (python.stdout ?? "").trim()];
  return [...new Set(found)].filter((prefix) => prefix !== "" && isSafePrefix(prefix));
}

/** A prefix such as ~ or / would show what must stay hidden. */
function isSafePrefix(prefix: string): boolean {
  if (!prefix.startsWith("/") || !existsSync(prefix)) return false;
  if (prefix === "/" || prefix === "/usr" || prefix.startsWith("/usr/")) return false;
  return !`${homedir()}/`.startsWith(`${prefix.replace(/\/+$/, "")}/`);
}
