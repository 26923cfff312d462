/** The borrowing side of strict limits: takes what this node's data planes ask to the owners of the keys, and answers them. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { NodeId } from "../gossip/member.ts";
import type { Membership } from "../gossip/membership.ts";
import { hashOf, type KeyHash } from "./key-counts.ts";
import { decodeGrants, encodeRequest, type WireAsk, type WireGrant } from "./limit-codec.ts";
import type { LeaseAnswer, LeaseAsk } from "./limit-messages.ts";
import type { LeaseOwner } from "./lease-owner.ts";
import type { Standing } from "./standing.ts";

/** Asks of one moment go together. */
const GATHER_MS = 1;
const ANSWER_MS = 400;
/** Nodes that do not see the same cluster yet come to do so soon. */
const RETRY_MS = 50;
/** After so long nobody waits for an owner any more. */
const GIVE_UP_MS = 800;
/** Said when nobody could be asked. */
const NOBODY_MS = 250;
const MAX_ASKS = 500;

interface Pending {
  readonly plane: number;
  readonly ask: LeaseAsk;
  readonly hash: KeyHash;
  readonly since: number;
}

export interface LeaseDeskOptions {
  readonly timers: Timers;
  readonly standing: Standing;
  readonly membership: Membership | null;
  readonly owner: LeaseOwner;
  readonly answer: (plane: number, answers: readonly LeaseAnswer[]) => void;
}

export class LeaseDesk {
  private readonly options: LeaseDeskOptions;
  private readonly outbox = new Map<NodeId, Pending[]>();
  /** Ends the wait for a node's answers. */
  private readonly waits = new Map<NodeId, Set<AbortController>>();

  constructor(options: LeaseDeskOptions) {
    this.options = options;
  }

  ask(plane: number, asks: readonly LeaseAsk[]): void {
    const since = this.options.timers.now();
    for (const ask of asks) {
      this.route({ plane, ask, hash: hashOf(ask.scope, ask.key), since });
    }
  }

  private route(pending: Pending): void {
    const { standing, timers } = this.options;
    const { owner, silent, waitMs } = standing.ownerOf(pending.hash, timers.now());
    if (owner === null) {
      const own = silent === null ? null : this.ownShare(silent, pending);
      this.answer(pending, own ?? { granted: 0, waitMs: Math.min(waitMs, NOBODY_MS) });
    } else if (owner === standing.self) void this.askSelf(pending);
    else this.askOther(owner, pending);
  }

  private async askSelf(pending: Pending): Promise<void> {
    const { standing, owner } = this.options;
    const holder = holderOf(standing.self, pending.plane);
    this.settle(pending, await owner.grant(pending.hash, holder, pending.ask));
  }

  private askOther(owner: NodeId, pending: Pending): void {
    const waiting = this.outbox.get(owner);
    if (waiting !== undefined) {
      waiting.push(pending);
      return;
    }
    this.outbox.set(owner, [pending]);
    this.options.timers.after(GATHER_MS, () => {
      const all = this.outbox.get(owner) ?? [];
      this.outbox.delete(owner);
      for (let from = 0; from < all.length; from += MAX_ASKS) {
        void this.request(owner, all.slice(from, from + MAX_ASKS));
      }
    });
  }

  private async request(owner: NodeId, pending: readonly Pending[]): Promise<void> {
    const { membership, timers } = this.options;
    if (membership === null) return;
    const asks = pending.map(({ plane, hash, ask }): WireAsk => ({ ...ask, plane, hash }));
    const answered = membership
      .request(owner, "limits", encodeRequest({ kind: "ask", asks }), ANSWER_MS)
      .then(decodeGrants)
      .catch(() => null);
    const grants = await this.unlessLost(owner, answered);
    for (const [index, one] of pending.entries()) {
      const grant = grants?.[index] ?? null;
      if (grant !== null) this.options.owner.lentBy({ ...one.ask, hash: one.hash }, timers.now());
      this.settle(one, grants === null ? this.ownShare(owner, one) : grant);
    }
  }

  /** Nobody waits for its answers any more. */
  lost(node: NodeId): void {
    for (const end of this.waits.get(node) ?? []) end.abort();
    this.waits.delete(node);
  }

  private async unlessLost<T>(node: NodeId, answered: Promise<T>): Promise<T | null> {
    const waits = this.waits.get(node) ?? new Set();
    this.waits.set(node, waits);
    const end = new AbortController();
    const lost = new Promise<null>((resolve) => {
      end.signal.addEventListener("abort", () => resolve(null));
    });
    waits.add(end);
    const first = await Promise.race([answered, lost]);
    waits.delete(end);
    return first;
  }

  private ownShare(owner: NodeId, { hash, plane, ask }: Pending): WireGrant {
    const holder = holderOf(this.options.standing.self, plane);
    return this.options.owner.lendOwnShare(owner, hash, holder, ask);
  }

  private settle(pending: Pending, grant: WireGrant): void {
    if (grant !== null) return this.answer(pending, grant);
    const { timers } = this.options;
    // What was given back goes nowhere twice: the owner may have got it.
    if (pending.ask.want === 0) return undefined;
    if (pending.since <= timers.now() - GIVE_UP_MS) {
      return this.answer(pending, { granted: 0, waitMs: NOBODY_MS });
    }
    const again = { ...pending, ask: { ...pending.ask, back: 0 } };
    timers.after(RETRY_MS, () => this.route(again));
    return undefined;
  }

  private answer({ plane, ask: { scope, key, want } }: Pending, grant: NonNullable<WireGrant>) {
    if (want > 0) this.options.answer(plane, [{ scope, key, ...grant }]);
  }
}

export function holderOf(node: NodeId, plane: number): string {
  return `${node}/${plane}`;
}
