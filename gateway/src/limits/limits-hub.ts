/** The parent's place where data planes and the node's part of limits meet: tells apart who is meant, and nothing else. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { LimitsFromPlane, LimitsHost, LimitsToPlane } from "./limit-messages.ts";
import { LimitsNode } from "./limits-node.ts";

export class LimitsHub implements LimitsHost {
  private readonly forward: (plane: number, message: LimitsFromPlane) => void;
  private readonly planes = new Map<number, (message: LimitsToPlane) => void>();
  /** Those that said that they want to hear. */
  private readonly up = new Set<number>();

  /** `forward` takes messages to the node's part, wherever it runs. */
  constructor(forward: (plane: number, message: LimitsFromPlane) => void) {
    this.forward = forward;
  }

  join(plane: number, hear: (message: LimitsToPlane) => void): void {
    this.planes.set(plane, hear);
  }

  heard(plane: number, message: LimitsFromPlane): void {
    if (message.kind === "up") this.up.add(plane);
    if (message.kind === "gone") {
      this.up.delete(plane);
      this.planes.delete(plane);
    }
    this.forward(plane, message);
  }

  /** From the node's part. */
  deliver(plane: number, message: LimitsToPlane): void {
    this.planes.get(plane)?.(message);
  }

  /** The node's part began anew and knows nobody. */
  introduce(): void {
    for (const plane of this.up) this.forward(plane, { kind: "up" });
  }
}

/** Without a cluster: the node's part runs in this process, and its data planes share limits with each other. */
export function hostLimits(timers: Timers, random: () => number = Math.random): LimitsHost {
  const hub: LimitsHub = new LimitsHub((plane, message) => node.heard(plane, message));
  const node = new LimitsNode({
    timers,
    random,
    membership: null,
    send: (plane, message) => hub.deliver(plane, message),
  });
  return hub;
}
