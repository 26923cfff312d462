/**
 * What a gateway's parent and its gossip process tell each other over IPC (structured clone). The gossip process has the
 * membership, the transports, discovery, shared counters and leases, off the data plane.
 */
import type { ClusterStatus } from "@bifrost/shared/api/cluster";
import type { ClusterConfig, ClusterSecrets } from "../cluster-config/cluster-config.ts";
import type { Member } from "../gossip/member.ts";

export interface GossipSettings {
  readonly config: ClusterConfig;
  readonly secrets: ClusterSecrets;
  /** `host:port` of the control API, told to the others. */
  readonly control: string;
  /** Name of the machine or Kubernetes node. */
  readonly host: string;
  readonly version: string;
}

export type ToGossip =
  | { readonly kind: "start"; readonly settings: GossipSettings }
  /** From one of this node's data planes: see limits/limit-messages.ts. */
  | { readonly kind: "limits"; readonly plane: number; readonly message: unknown }
  /** What the data planes served since the last one: see traffic/. */
  | { readonly kind: "served"; readonly served: unknown }
  | { readonly kind: "ask"; readonly id: number; readonly question: GossipQuestion }
  /** Say goodbye to the others, then end. */
  | { readonly kind: "leave"; readonly graceMs: number };

export type GossipQuestion =
  | { readonly what: "status" }
  | {
      readonly what: "rotate-key";
      readonly step: "install" | "use" | "remove";
      readonly id: number;
      readonly key: string | null;
    };

export type FromGossip =
  | { readonly kind: "up" }
  | { readonly kind: "listening"; readonly address: string }
  /** It ends after this. */
  | { readonly kind: "failed"; readonly code: string; readonly message: string }
  /** After every change; all of them. */
  | { readonly kind: "members"; readonly self: string; readonly members: readonly Member[] }
  /** For one of this node's data planes, or for all of them (null). */
  | { readonly kind: "limits"; readonly plane: number | null; readonly message: unknown }
  | { readonly kind: "answer"; readonly id: number; readonly answer: GossipAnswer };

export type GossipAnswer =
  | { readonly what: "status"; readonly status: ClusterStatus }
  | { readonly what: "done" }
  | { readonly what: "refused"; readonly code: string; readonly message: string };
