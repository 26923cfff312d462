/** What somebody who holds a key of the cluster, or a node with an error in it, may make of one that has none. */
import { beforeEach, describe, expect, it } from "vitest";
import {
  encodeHeader,
  encodeMessage,
  decodePacket,
  MAX_INCARNATION,
  MAX_MEMBERS,
} from "./codec.ts";
import { maxBodyBytes } from "./dissemination.ts";
import type { AliveClaim, GossipMessage } from "./message.ts";
import { MESH } from "./presets.ts";
import { nextWakeAt, step } from "./swim.ts";
import { MAX_CANDIDATES, newSwimState, type SwimEffect, type SwimState } from "./swim-state.ts";

const MAX_PACKET_BYTES = 1400;
const ADDRESS = "10.0.0.1:1";

let state: SwimState;
let now: number;

beforeEach(() => {
  now = 0;
  state = newSwimState(
    {
      id: "n1",
      address: ADDRESS,
      meta: metaOf(1),
      preset: MESH,
      health: { timeoutMs: 10_000, successThreshold: 3, failureThreshold: 3 },
      maxSuspicionMs: 30_000,
      deduplicationMs: 120_000,
      maxPacketBytes: MAX_PACKET_BYTES,
      seed: 1,
    },
    now,
  );
});

function metaOf(epoch: number): AliveClaim["meta"] {
  return { region: "", host: "", control: "", version: "", epoch };
}

function alive(id: string, address = `${id}.example:1`, epoch = 7): AliveClaim {
  return { kind: "alive", id, incarnation: 0, address, meta: metaOf(epoch) };
}

function hear(...messages: GossipMessage[]): SwimEffect[] {
  const packet = Buffer.concat([encodeHeader("evil"), ...messages.map(encodeMessage)]);
  return step(state, { kind: "packet", from: "10.6.6.6:1", packet }, now);
}

/** Lives for so long; answers the packets that it sent. */
function live(ms: number): Uint8Array[] {
  const sent: Uint8Array[] = [];
  for (const end = now + ms; nextWakeAt(state) <= end;) {
    now = Math.max(now, nextWakeAt(state));
    for (const effect of step(state, { kind: "wake" }, now)) {
      if (effect.kind === "send") sent.push(effect.packet);
    }
  }
  return sent;
}

describe("news that is made up", () => {
  it("of ever more members fills no memory: a full view takes in nobody, and fits a push-pull", () => {
    for (let i = 0; i < MAX_MEMBERS + 500; i++) hear(alive(`made-up-${i}`));
    expect(state.peers.size).toBe(MAX_MEMBERS - 1);
    expect(state.counters.surplus).toBe(501);
  });

  it("leaves room for who is real once those that were made up are found gone", () => {
    for (let i = 0; i < MAX_MEMBERS - 1; i++) hear(alive(`made-up-${i}`));
    hear({ kind: "dead", id: "made-up-5", incarnation: 0, evidence: "refused", from: "evil" });
    hear(alive("real"));
    expect(state.peers.get("real")?.state).toBe("alive");
    expect(state.peers.has("made-up-5")).toBe(false);
  });

  it("of ever more witnesses is neither kept nor passed on", () => {
    hear(alive("n2"), alive("n3"), alive("n4"), alive("n5"));
    for (let i = 0; i < 500; i++) {
      const from = `witness-${i}`;
      hear({ kind: "suspect", id: "n2", incarnation: 0, evidence: "unreachable", from });
    }
    expect(state.peers.get("n2")?.suspicion?.witnesses.size).toBeLessThan(10);
    expect(state.queue.items.size).toBeLessThan(20);
  });

  it("of ever more processes that claim one name leaves a bounded number of addresses to try", () => {
    hear(alive("n2"));
    for (let i = 0; i < MAX_CANDIDATES + 500; i++) hear(alive("n2", `claimant-${i}:1`, i + 100));
    expect(state.candidates.size).toBe(MAX_CANDIDATES);
  });

  it("that no packet of this node has room for is not passed on, and not tried for ever", () => {
    // Just fits behind the shortest name, and behind no longer one.
    const body = new Uint8Array(MAX_PACKET_BYTES - 11);
    const said = { kind: "broadcast", origin: "e", epoch: 9, number: 1, channel: 3, body } as const;
    const packet = Buffer.concat([encodeHeader("e"), encodeMessage(said)]);
    expect(packet).toHaveLength(MAX_PACKET_BYTES);
    const effects = step(state, { kind: "packet", from: "10.6.6.6:1", packet }, now);
    expect(effects).toMatchObject([{ kind: "deliver", from: "e" }]);
    expect(state.queue.items.size).toBe(0);
    expect(state.queue.dropped).toBe(1);
  });

  it("that nobody may die with takes no node its voice: what it says stays readable", () => {
    hear(alive("n2"));
    const from = "evil";
    for (const incarnation of [MAX_INCARNATION - 1, MAX_INCARNATION]) {
      hear({ kind: "dead", id: "n1", incarnation, evidence: "refused", from });
    }
    const sent = live(5000);
    expect(sent.length).toBeGreaterThan(0);
    expect(sent.map(decodePacket)).not.toContain(null);
  });
});

describe("a message as long as may be", () => {
  it("is passed on by a node with the longest name", () => {
    const longest = "x".repeat(64);
    const body = new Uint8Array(maxBodyBytes(MAX_PACKET_BYTES, 2));
    const bytes = encodeMessage({
      kind: "broadcast",
      origin: "n1",
      epoch: Number.MAX_SAFE_INTEGER,
      number: Number.MAX_SAFE_INTEGER,
      channel: 1,
      body,
    });
    expect(encodeHeader(longest).length + bytes.length).toBeLessThanOrEqual(MAX_PACKET_BYTES);
  });
});
