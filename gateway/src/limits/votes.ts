/**
 * What lets an owner lend: the others speak for it, again and again. A vote answers the owner's own question and counts from
 * when that was asked, by the owner's clock alone; so no message that was on its way for long, and no process that was
 * stopped and woke up, makes one last longer. An owner that is cut off has one vote, its own, after VOTE_MS; those on the other
 * side vote for its successor.
 */
import type { NodeId } from "../gossip/member.ts";
import { VOTE_MS } from "./standing.ts";

export class Votes {
  private readonly until = new Map<NodeId, number>();

  /** `askedAt`: as this node's question said. */
  take(from: NodeId, askedAt: number, now: number): void {
    const until = Math.min(askedAt, now) + VOTE_MS;
    this.until.set(from, Math.max(until, this.until.get(from) ?? 0));
  }

  has(from: NodeId, now: number): boolean {
    return (this.until.get(from) ?? 0) > now;
  }

  /** How many, this node's own included. */
  count(now: number): number {
    let votes = 1;
    for (const [from, until] of this.until) {
      if (until > now) votes++;
      else this.until.delete(from);
    }
    return votes;
  }

  forget(from: NodeId): void {
    this.until.delete(from);
  }
}
