/** Why a stream did not come about, for people: what was found and what to do. */
import type { StreamEnd } from "./outgoing-stream.ts";

const REASONS: Partial<Record<StreamEnd, string>> = {
  refused: "nothing listens there",
  silent: "nothing answers there; is the gossip port open for TCP, and the address right?",
  reset:
    "it accepted the stream and ended it without an answer: it is going down, or does not accept this node's certificate (cluster_config.tls)",
  malformed: "what answers does not speak this protocol; is that the gossip port?",
  "other-cluster": "it belongs to another cluster; cluster_config.label differs",
  "unknown-key":
    "it lacks the key that this node seals with; compare BIFROST_GOSSIP_KEYS of the two",
  "not-sealed":
    "one of the two has gossip keys and the other has none; set BIFROST_GOSSIP_KEYS at both",
  "not-opened":
    "it has another key under the same number, or is no node; compare BIFROST_GOSSIP_KEYS",
  unauthenticated:
    "the certificates do not suit each other; both must be signed by the authority in cluster_config.tls.ca",
};

export function explainEnd(end: StreamEnd): string {
  return REASONS[end] ?? `it does not keep to the protocol (${end})`;
}
