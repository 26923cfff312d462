/** A file system of a few megabytes that a test may fill; only root may make one. */
import { spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import { temporaryFolder } from "../../support/folders.ts";

export interface SmallDisk {
  readonly folder: string;
  /** Takes every byte that is left. */
  readonly fill: () => void;
  readonly free: () => void;
  readonly unmount: () => void;
}

/** Null where this user may not mount one. */
export function mountSmallDisk(size: string): SmallDisk | null {
  const folder = temporaryFolder("bf-disk-");
  const made = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder]);
  if (made.status !== 0) return null;
  const ballast = path.join(folder, "ballast");
  return {
    folder,
    fill: () => {
      const file = openSync(ballast, "a");
      const bytes = Buffer.alloc(512);
      try {
        for (;;) if (writeSync(file, bytes) === 0) break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
      closeSync(file);
    },
    free: () => rmSync(ballast),
    unmount: () => void spawnSync("umount", ["--lazy", folder]),
  };
}
