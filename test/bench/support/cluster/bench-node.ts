/** A node of the gossip cluster as the gossip process has it, told what to do over IPC. Lives until its parent is gone. */
import { randomInt } from "node:crypto";
import { GossipNode } from "../../../../gateway/src/gossip/gossip-node.ts";
import { Keyring } from "../../../../gateway/src/gossip/keyring.ts";
import { UdpTransport } from "../../../../gateway/src/gossip/udp-transport.ts";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";

export interface BenchNodeArgument {
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly seed: string | null;
  /** Base64, 32 bytes. */
  readonly key: string;
}

export type ToBenchNode =
  | { readonly kind: "broadcast"; readonly id: string }
  | { readonly kind: "count" };

export type FromBenchNode =
  | { readonly kind: "up" }
  | { readonly kind: "joined" | "failed" | "suspected"; readonly member: string }
  | { readonly kind: "heard"; readonly id: string }
  | {
      readonly kind: "counted";
      readonly packets: number;
      readonly packetBytes: number;
      readonly streamBytes: number;
    };

const argument = JSON.parse(process.argv[2] ?? "{}") as BenchNodeArgument;
const { id, address, port, seed, key } = argument;

const transport = new UdpTransport({
  bindAddress: address,
  port,
  advertise: null,
  label: "bench",
  keyring: new Keyring([{ id: 1, key: Buffer.from(key, "base64") }]),
  tls: null,
  timers: systemTimers,
  logger: silentLogger,
});
const node = new GossipNode({
  id,
  meta: { region: "", host: "", control: "", version: "bench", epoch: randomInt(2 ** 32) },
  transport,
  timers: systemTimers,
  uptime: () => performance.now(),
  log: silentLogger,
  seed: randomInt(2 ** 32),
});
const KINDS = { alive: "joined", suspect: "suspected", dead: "failed" } as const;
node.onChange(({ id: member, state }, former) => {
  if (state !== "left" && state !== former?.state) tell({ kind: KINDS[state], member });
});
node.on("config", { onMessage: (_from, body) => tell({ kind: "heard", id: idIn(body) }) });
process.on("message", (message: ToBenchNode) => {
  if (message.kind === "broadcast") {
    tell({ kind: "heard", id: message.id });
    node.broadcast("config", Buffer.from(message.id.padEnd(100, " ")));
  } else {
    const { packetsSent, packetBytesSent, streamBytesSent } = transport.counters();
    tell({
      kind: "counted",
      packets: packetsSent,
      packetBytes: packetBytesSent,
      streamBytes: streamBytesSent,
    });
  }
});
process.on("disconnect", () => process.exit(0));
await node.start();
if (seed !== null) node.join([seed]);
tell({ kind: "up" });

function tell(message: FromBenchNode): void {
  process.send?.(message);
}

function idIn(body: Uint8Array): string {
  return Buffer.from(body).toString().trim();
}
