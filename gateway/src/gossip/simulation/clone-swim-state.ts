/** A copy that shares nothing that changes. */
import type { Peer, SwimState } from "../swim-state.ts";

export function cloneSwimState(state: SwimState): SwimState {
  return {
    ...state,
    peers: copied(state.peers, clonePeer),
    random: { ...state.random },
    agenda: copied(state.agenda, (entry) => ({ ...entry })),
    queue: { ...state.queue, items: copied(state.queue.items, (item) => ({ ...item })) },
    fresh: new Map(state.fresh),
    seen: { until: new Map(state.seen.until) },
    probes: copied(state.probes, (probe) => ({ ...probe })),
    relays: new Map(state.relays),
    syncs: new Map(state.syncs),
    candidates: copied(state.candidates, (candidate) => ({ ...candidate })),
    counters: { ...state.counters },
  };
}

function clonePeer(peer: Peer): Peer {
  const { suspicion, link } = peer;
  return {
    ...peer,
    suspicion:
      suspicion === null ? null : { ...suspicion, witnesses: new Set(suspicion.witnesses) },
    link: { ...link, pending: [...link.pending] },
  };
}

function copied<K, V>(map: ReadonlyMap<K, V>, copy: (value: V) => V): Map<K, V> {
  const result = new Map<K, V>();
  for (const [key, value] of map) result.set(key, copy(value));
  return result;
}
