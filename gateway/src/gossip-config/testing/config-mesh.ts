/** Nodes that tell each other of configuration, with a network between them that loses what a test wants it to lose. */
import { generateKeyPairSync } from "node:crypto";
import type { Timers } from "@bifrost/shared/domain/time";
import type { ConfigVersion } from "@bifrost/shared/domain/config-version";
import { silentLogger } from "@bifrost/shared/ports/logger";
import type { ChannelHandlers, Membership } from "../../gossip/membership.ts";
import { ConfigRelay, type ToldDocument } from "../config-relay.ts";
import { ConfigSigner, ConfigVerifier } from "../signed-entry.ts";

export const LABEL = "test";

export function keyPair(): { readonly privatePem: string; readonly publicPem: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    privatePem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

export interface MeshOptions {
  readonly nodes: number;
  readonly keys: ReturnType<typeof keyPair>;
  readonly timers: Timers;
  /** Whether this broadcast gets from one node to another. */
  readonly arrives?: (from: number, to: number) => boolean;
  readonly maxMessageBytes?: number;
}

export interface MeshNode {
  readonly relay: ConfigRelay;
  readonly handlers: ChannelHandlers;
  /** Newest version told to the gateway, by `kind/id`. */
  readonly told: Map<string, ToldDocument>;
  /** Told although an as new one was told before. */
  readonly backwards: string[];
}

export class ConfigMesh {
  readonly nodes: readonly MeshNode[];
  /** Nodes that are cut off from all others. */
  readonly cut = new Set<number>();
  messages = 0;
  requests = 0;
  private readonly options: MeshOptions;
  private readonly handlers: ChannelHandlers[] = [];

  constructor(options: MeshOptions) {
    this.options = options;
    this.nodes = Array.from({ length: options.nodes }, (_, at) => this.make(at));
  }

  /** As every node does now and then with another one. */
  async pushPull(one: number, other: number): Promise<void> {
    if (!this.isLinked(one, other)) return;
    const states = [this.stateOf(one), this.stateOf(other)] as const;
    this.tellState(one, other, states[1]);
    this.tellState(other, one, states[0]);
    await settled();
  }

  async pushPullAll(): Promise<void> {
    for (const one of this.nodes.keys())
      for (const other of this.nodes.keys()) if (one !== other) await this.pushPull(one, other);
  }

  versions(): readonly ReadonlyMap<string, ConfigVersion>[] {
    return this.nodes.map(
      ({ told }) => new Map([...told].map(([key, one]) => [key, one.document.version])),
    );
  }

  private stateOf(node: number): Uint8Array {
    return this.handlers[node]?.state?.() ?? EMPTY;
  }

  private tellState(to: number, from: number, state: Uint8Array): void {
    if (state.byteLength > 0) this.handlers[to]?.onState?.(String(from), state);
  }

  private make(at: number): MeshNode {
    const { keys, timers } = this.options;
    const told = new Map<string, ToldDocument>();
    const backwards: string[] = [];
    const relay = new ConfigRelay({
      membership: this.membership(at),
      signer: new ConfigSigner(keys.privatePem, LABEL),
      verifier: new ConfigVerifier(keys.publicPem, LABEL),
      timers,
      random: () => 0.5,
      log: silentLogger,
      onDocuments(documents) {
        for (const one of documents) {
          const key = `${one.kind}/${one.document.id}`;
          const former = told.get(key)?.document.version;
          if (former !== undefined && former > one.document.version) backwards.push(key);
          told.set(key, one);
        }
      },
    });
    const handlers = this.handlers[at];
    if (handlers === undefined) throw new Error("the relay listens to no channel");
    return { relay, handlers, told, backwards };
  }

  private isLinked(from: number, to: number): boolean {
    return !this.cut.has(from) && !this.cut.has(to);
  }

  private membership(self: number): Membership {
    return {
      self: String(self),
      maxMessageBytes: this.options.maxMessageBytes ?? 1000,
      members: () => [],
      onChange: () => () => undefined,
      on: (_, handlers) => void (this.handlers[self] = handlers),
      send: () => undefined,
      broadcast: (_, body) => {
        for (const [to, handlers] of this.handlers.entries()) {
          if (to === self || !this.isLinked(self, to)) continue;
          if (this.options.arrives?.(self, to) === false) continue;
          this.messages += 1;
          handlers.onMessage(String(self), body);
        }
      },
      request: (to, _, body) => {
        const handlers = this.handlers[Number(to)];
        if (!this.isLinked(self, Number(to)) || handlers?.onRequest === undefined) {
          return Promise.reject(new Error("no link"));
        }
        this.requests += 1;
        return handlers.onRequest(String(self), body);
      },
    };
  }
}

const EMPTY = new Uint8Array();

/** Requests of a sync follow one another as promises. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
