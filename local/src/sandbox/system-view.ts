/** Which files a bwrap sandbox has as its system: the host's toolchain, or an image's own tree. */
import { existsSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { HostView } from "./host-view.ts";

export interface SystemView {
  /** Read-only binds: [host path, path inside]. */
  readonly readOnly: readonly (readonly [source: string, target: string])[];
  /** Links to make: [what it says, path inside]. */
  readonly links: readonly (readonly [target: string, link: string])[];
  /** Value of PATH inside when the spec names none. */
  readonly path: string;
}

/** Made by the sandbox itself, whatever the image holds there. */
const OWN = new Set(["proc", "dev", "sys", "tmp"]);
/** The machine's, so that names resolve: what the image has there was right where it was built. */
const RESOLVER = ["hosts", "resolv.conf"];
const IMAGE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function hostSystem(view: HostView): SystemView {
  return { ...view, readOnly: view.readOnly.map((path) => [path, path]) };
}

/** Every top-level entry of the tree; /etc entry by entry, as two of its files come from the machine. */
export function imageSystem(rootDir: string): SystemView {
  const root = realpathSync(rootDir);
  const readOnly: [string, string][] = RESOLVER.map((name) => `/etc/${name}`)
    .filter((path) => existsSync(path))
    .map((path) => [path, path]);
  const links: [string, string][] = [];
  const show = (dir: string, skipped: (name: string) => boolean): void => {
    for (const entry of readdirSync(join(root, dir), { withFileTypes: true })) {
      const path = join(dir, entry.name);
      if (skipped(entry.name)) continue;
      if (entry.isSymbolicLink()) links.push([readlinkSync(join(root, path)), path]);
      else if (path === "/etc" && entry.isDirectory())
        show(path, (name) => RESOLVER.includes(name));
      else readOnly.push([join(root, path), path]);
    }
  };
  show("/", (name) => OWN.has(name));
  return { readOnly, links, path: IMAGE_PATH };
}
