/** The side of the gossip process: one node that does what its parent says. */
import { isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import { ignoreGroupSignals } from "../workers/group-signals.ts";
import type { ClusterNode, NodeEvents } from "./cluster-node.ts";
import type {
  FromGossip,
  GossipAnswer,
  GossipQuestion,
  GossipSettings,
  ToGossip,
} from "./messages.ts";

export type StartNode = (settings: GossipSettings, events: NodeEvents) => Promise<ClusterNode>;

const BEAT_MS = 1000;

export function runGossip(startNode: StartNode, timers: Timers): void {
  const gossip = new GossipSide(startNode);
  process.on("message", (message: ToGossip) => gossip.heard(message));
  // A node whose parent is gone carries no traffic any more: that is a crash, and nobody is told goodbye.
  process.on("disconnect", () => process.exit(0));
  ignoreGroupSignals();
  tell({ kind: "up" });
  beat(timers);
}

class GossipSide {
  private readonly startNode: StartNode;
  private node: Promise<ClusterNode> | null = null;

  constructor(startNode: StartNode) {
    this.startNode = startNode;
  }

  heard(message: ToGossip): void {
    if (message.kind === "start") this.start(message.settings);
    else if (message.kind === "leave" && this.node === null) process.exit(0);
    else this.node?.then((node) => this.obey(node, message)).catch(() => undefined);
  }

  private start(settings: GossipSettings): void {
    this.node = this.startNode(settings, {
      onMembers: (members) => tell({ kind: "members", members }),
      onKeys: (keys) => tell({ kind: "keys", keys }),
      onLimits: (plane, message) => tell({ kind: "limits", plane, message }),
    });
    this.node.then(({ address }) => tell({ kind: "listening", address })).catch(fail);
  }

  private obey(node: ClusterNode, message: Exclude<ToGossip, { kind: "start" }>): void {
    switch (message.kind) {
      case "limits":
        return node.takeLimits(message.plane, message.message);
      case "served":
        return node.takeServed(message.served);
      case "load":
        return node.takeLoad(message.load);
      case "ask":
        void answer(node, message.question).then((given) =>
          tell({ kind: "answer", id: message.id, answer: given }),
        );
        return undefined;
      case "leave":
        void node.leave(message.graceMs).finally(() => process.exit(0));
        return undefined;
    }
  }
}

function answer(node: ClusterNode, question: GossipQuestion): Promise<GossipAnswer> {
  return answerTo(node, question).catch((error: unknown) => ({
    what: "refused",
    code: codeOf(error),
    message: messageOf(error),
  }));
}

async function answerTo(node: ClusterNode, question: GossipQuestion): Promise<GossipAnswer> {
  if (question.what === "status") return { what: "status", status: node.status() };
  if (question.what === "traffic") return { what: "traffic", traffic: node.traffic() };
  await node.rotateKey(question);
  return { what: "done" };
}

function beat(timers: Timers): void {
  tell({ kind: "beat" });
  timers.after(BEAT_MS, () => beat(timers));
}

function fail(error: unknown): void {
  tell({ kind: "failed", code: codeOf(error), message: messageOf(error) }, () => process.exit(1));
}

function codeOf(error: unknown) {
  return isBifrostError(error) ? error.code : "internal";
}

function tell(message: FromGossip, then: () => void = () => undefined): void {
  process.send?.(message, undefined, undefined, then);
}
