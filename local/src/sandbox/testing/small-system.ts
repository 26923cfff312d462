/** A root file system for tests: this machine's shell with the libraries it loads, and nothing else. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Fills `root`, which must be empty; `/etc/motto` holds `motto`. */
export function makeSmallSystem(root: string, motto: string): void {
  const { stdout } = spawnSync("ldd", ["/bin/sh"], { encoding: "utf8" });
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? "");
  for (const [source, target] of [
    ["/bin/sh", "/usr/bin/sh"],
    ...libraries.map((path) => [path, path] as const),
  ] as const) {
    mkdirSync(dirname(join(root, target)), { recursive: true });
    cpSync(source, join(root, target), { dereference: true });
  }
  symlinkSync("usr/bin", join(root, "bin"));
  mkdirSync(join(root, "etc/deep"), { recursive: true });
  writeFileSync(join(root, "etc/motto"), `${motto}\n`);
  writeFileSync(join(root, "etc/hosts"), "10.9.8.7 builder\n");
}
