/** Files of Debian packages for another machine, unpacked beside the build: nothing of this system is changed. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import type { Machine } from "./machine.ts";

const PACKAGES = ["musl-dev", "libbearssl-dev"];

/** Where the packages' files are once they were fetched. */
export function packagesFolder(machine: Machine, cacheFolder: string): string {
  return path.join(cacheFolder, `debian-${machine}`);
}

/** Fetches them from this system's Debian mirror, unless they are there. */
export function fetchPackages(machine: Machine, cacheFolder: string): void {
  const folder = packagesFolder(machine, cacheFolder);
  if (existsSync(folder)) return;
  const work = `${folder}.${process.pid}`;
  for (const needed of ["state/lists/partial", "cache/archives/partial", "debs", "files"]) {
    mkdirSync(path.join(work, needed), { recursive: true });
  }
  try {
    // A state of its own: the packages of this machine and root's rights stay out of it.
    const options = [
      `APT::Architecture=${machine}`,
      `APT::Architectures=${machine}`,
      `Dir::State=${work}/state`,
      "Dir::State::status=/dev/null",
      `Dir::Cache=${work}/cache`,
      "APT::Sandbox::User=",
      "Acquire::Languages=none",
    ].flatMap((option) => ["-o", option]);
    run("apt-get", ["-qq", ...options, "update"], work);
    run("apt-get", ["-qq", ...options, "download", ...PACKAGES], path.join(work, "debs"));
    for (const deb of readdirSync(path.join(work, "debs"))) {
      run("dpkg-deb", ["-x", path.join(work, "debs", deb), path.join(work, "files")], work);
    }
    renameSync(path.join(work, "files"), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function run(program: string, args: readonly string[], cwd: string): void {
  const { error, status, stderr } = spawnSync(program, args, { cwd, encoding: "utf8" });
  if (error === undefined && status === 0) return;
  const why = error?.message ?? stderr.trim();
  throw new Error(
    `${PACKAGES.join(" and ")} of another machine are fetched with apt-get and dpkg-deb of Debian, and ${program} failed: ${why}`,
  );
}
