/** What methods of discovery are given. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";

export interface DiscoveryBasics {
  readonly timers: Timers;
  readonly log: Logger;
  /** 0 to 1, for pauses that differ from node to node. */
  readonly random: () => number;
}
