/**
 * The memory of several processes: the sum of (resident - shared), and once the largest `shared` of one of them. `shared`, of
 * `/proc/<pid>/statm`, is what the process has mapped of files and of shared memory: 200 processes of one program hold its
 * code once, not 200 times. What the figure is not:
 * - pages a fork left shared until they are written are `resident` and not `shared`: they count in every process;
 * - of different programs only the one with the largest `shared` counts its code and libraries.
 * The exact figure, `smaps_rollup`, is closed to other users.
 */
import { Bytes } from "../wire/bytes.ts";

/** Seven numbers of at most 20 digits. */
export const MAX_STATM: i32 = 160;

export class Memory {
  private ownPages: f64 = 0;
  private mostShared: f64 = 0;

  clear(): void {
    this.ownPages = 0;
    this.mostShared = 0;
  }

  /** `statm`: size, resident, shared and more. False = no such line. */
  add(statm: Bytes): bool {
    const residentAt = statm.nextWord(0);
    const sharedAt = statm.nextWord(residentAt);
    if (statm.digitsEnd(residentAt) === residentAt || statm.digitsEnd(sharedAt) === sharedAt) {
      return false;
    }
    const resident = statm.numberAt(residentAt);
    // The two are not read at the same moment.
    const shared = Math.min(statm.numberAt(sharedAt), resident);
    this.ownPages = this.ownPages + (resident - shared);
    this.mostShared = Math.max(this.mostShared, shared);
    return true;
  }

  /** A process of which nothing more is known. */
  addUnshared(pages: f64): void {
    this.ownPages = this.ownPages + pages;
  }

  pages(): f64 {
    return this.ownPages + this.mostShared;
  }
}
