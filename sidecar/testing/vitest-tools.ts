/** What tests of native binaries need of the machine, as notes of skipped tests. */
import { spawnSync } from "node:child_process";

/** Why a program that a test needs cannot be used; null when it can. */
export function lacksProgram(program: string, debianPackage: string = program): string | null {
  const { error } = spawnSync(program, ["--help"], { stdio: "ignore" });
  return error === undefined ? null : `${debianPackage} is not installed`;
}

/** Why this user cannot make namespaces with `unshare`; null when it can. */
export function lacksNamespaces(): string | null {
  const { status } = spawnSync("unshare", [...NEW_USER, "true"], { stdio: "ignore" });
  return status === 0 ? null : "unshare is not reachable for this user";
}

/** Arguments of unshare without which only root may make the other namespaces. */
export const NEW_USER = ["--user", "--map-root-user"] as const;
