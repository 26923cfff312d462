/** Removes a directory that an image engine has worked in. */
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { promisify } from "node:util";
import { USER_NAMESPACE } from "./user-namespace.ts";

const DENIED = ["EACCES", "EPERM"];

/** A directory that is not there is fine. Files of subordinate user ids are removed in their user namespace. */
export async function removeTree(dir: string): Promise<void> {
  try {
    await rm(dir, { recursive: true, force: true });
  } catch (error) {
    if (!DENIED.includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    await promisify(execFile)("unshare", [...USER_NAMESPACE, "rm", "-rf", "--", dir]);
  }
}
