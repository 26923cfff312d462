/** One node of a mesh as a program of its own: told by one argument, tells what it sees on its standard output. */
import { randomInt } from "node:crypto";
import { systemTimers } from "@bifrost/shared/domain/time";
import type { LogFields } from "@bifrost/shared/ports/logger";
import { GossipNode } from "../gossip-node.ts";
import { Keyring } from "../keyring.ts";
import type { Evidence, MemberState, NodeId } from "../member.ts";
import { udpTransport } from "./udp-world.ts";

export interface NodeProgramInput {
  readonly id: NodeId;
  readonly bindAddress: string;
  readonly port: number;
  readonly join: readonly string[];
  /** Base64; null = not sealed. */
  readonly key: string | null;
}

/** One line each. `at`: milliseconds since the epoch. */
export type NodeProgramLine =
  | { readonly kind: "up"; readonly address: string }
  | {
      readonly kind: "member";
      readonly id: NodeId;
      readonly state: MemberState;
      readonly evidence: Evidence | null;
      readonly at: number;
    }
  | { readonly kind: "log"; readonly event: string; readonly fields: LogFields | undefined };

function tell(line: NodeProgramLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const { id, bindAddress, port, join, key } = JSON.parse(process.argv[2] ?? "") as NodeProgramInput;
const log = (event: string, fields?: LogFields) => tell({ kind: "log", event, fields });
const logger = { debug() {}, info: log, warn: log, error: log, with: () => logger };
const keyring = key === null ? null : new Keyring([{ id: 1, key: Buffer.from(key, "base64") }]);
const transport = udpTransport({ bindAddress, port, keyring, logger });
const node = new GossipNode({
  id,
  meta: { region: "", host: "", control: "", version: "1", epoch: randomInt(2 ** 32) },
  transport,
  timers: systemTimers,
  uptime: () => performance.now(),
  log: logger,
  seed: randomInt(2 ** 32),
});
node.onChange((member) => {
  tell({
    kind: "member",
    id: member.id,
    state: member.state,
    evidence: member.evidence,
    at: Date.now(),
  });
});
await node.start();
tell({ kind: "up", address: transport.localAddress });
node.join(join);
// Its parent is gone when this closes.
process.stdin.resume().once("end", () => process.exit(0));
