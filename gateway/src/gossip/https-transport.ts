/**
 * Gossip over HTTPS, for places where nodes have one port for requests and cannot reach each other otherwise, such as
 * Cloud Run: as many services as nodes, one instance each, each at its own URL. Packets to one node go together in one
 * POST, and what the other end answers at once rides on the response. Who calls is proven by an OIDC token made for the
 * URL that is called; TLS keeps it, and the packets, from everybody else.
 *
 * What it can tell of a node that is gone: directly connected, the same as a mesh. Behind a front that accepts for it,
 * nothing is ever `refused` by its kernel: a dead instance is `stalled`, whose suspicion is the slowest (HTTPS in presets.ts).
 */
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { CallerVerifier, Identity } from "@bifrost/shared/ports/identity";
import type { Logger } from "@bifrost/shared/ports/logger";
import { FROM_HEADER, GossipServer, LABEL_HEADER } from "./https/gossip-server.ts";
import { LinkWatch } from "./https/link-watch.ts";
import { GOSSIP_PATH, parseNodeUrl } from "./https/node-url.ts";
import { Outbox } from "./https/outbox.ts";
import { splitPackets, joinPackets } from "./https/packet-batch.ts";
import { post, type Posted, type PostOptions } from "./https/post.ts";
import type { Address } from "./member.ts";
import { formatHostPort, isLoopback } from "./mesh/host-port.ts";
import { noAnswer } from "./mesh/outgoing-stream.ts";
import { labelTag } from "./mesh/stream-greeting.ts";
import { refuseTooLarge } from "./request-size.ts";
import { TransportCount } from "./transport-count.ts";
import type { CheckResult, Transport, TransportCounters, TransportHandlers } from "./transport.ts";

const MAX_PACKET_BYTES = 1400;
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
const MAX_STRANGE = 1024;
const PACKETS_TIMEOUT_MS = 3_000;
const MAX_OUTBOXES = 1024;

export interface HttpsTransportOptions {
  readonly bindAddress: string;
  /** 0 = a free one. */
  readonly port: number;
  /** URL of this node, `https://gateway-1.example`; null = made from the two above, on loopback only. */
  readonly advertise: Address | null;
  /** Nodes of another label are strangers, even with good tokens. */
  readonly label: string;
  /** null = nobody is asked who they are, which only loopback may. */
  readonly auth: HttpsAuth | null;
  /** PEM of this server; null = TLS ends before this program, as on Cloud Run. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** PEM of the authority of the others; null = those that Node trusts. */
  readonly ca: string | null;
  /** Whose clock never jumps. */
  readonly timers: Timers;
  readonly logger: Logger;
}

export interface HttpsAuth {
  readonly identity: Identity;
  readonly verifier: CallerVerifier;
  /** Services (see Caller) whose instances are nodes of this cluster. */
  readonly services: readonly string[];
}

export class HttpsTransport implements Transport {
  readonly maxPacketBytes = MAX_PACKET_BYTES;
  readonly maxRequestBytes = MAX_REQUEST_BYTES;
  readonly #options: HttpsTransportOptions;
  readonly #count = new TransportCount();
  readonly #labelTag: string;
  readonly #post: PostOptions;
  readonly #outboxes = new Map<Address, Outbox>();
  /** Where packets to an address go while its own are being handled. */
  readonly #replies = new Map<Address, Uint8Array[]>();
  readonly #strange = new Map<Address, string>();
  #handlers: TransportHandlers | null = null;
  #server: GossipServer | null = null;
  #links: LinkWatch | null = null;
  #localAddress: Address | null = null;

  constructor(options: HttpsTransportOptions) {
    this.#options = options;
    this.#labelTag = labelTag(options.label).toString("hex");
    const agents = {
      http: new HttpAgent({ keepAlive: true }),
      https: new HttpsAgent({ keepAlive: true }),
    };
    const { ca, timers } = options;
    this.#post = { agents, ca, timers, count: this.#count, maxBodyBytes: MAX_REQUEST_BYTES };
  }

  get localAddress(): Address {
    if (this.#localAddress === null) throw new Error("a transport has its address once it started");
    return this.#localAddress;
  }

  async start(handlers: TransportHandlers): Promise<void> {
    const { bindAddress, port, advertise, auth, tls, timers } = this.#options;
    this.#refuseUnsafe();
    this.#server = new GossipServer({
      tls,
      labelTag: this.#labelTag,
      maxPacketBytes: MAX_PACKET_BYTES,
      maxRequestBytes: MAX_REQUEST_BYTES,
      count: this.#count,
      handlers,
      authenticate: (token) => this.#authenticate(auth, token),
      collect: (to, task) => this.#collect(to, task),
    });
    const listening = await this.#server.listen(bindAddress, port).catch((error: unknown) => {
      throw new BifrostError(
        (error as NodeJS.ErrnoException).code === "EADDRINUSE"
          ? "port-taken"
          : "invalid-environment",
        `gossip cannot listen at ${formatHostPort(bindAddress, port)} (${messageOf(error)}); ` +
          "see cluster_config.bind_address and cluster_config.gossip.port",
        { bindAddress, port },
      );
    });
    const scheme = tls === null ? "http" : "https";
    this.#localAddress = advertise ?? `${scheme}://${formatHostPort(bindAddress, listening)}`;
    this.#handlers = handlers;
    this.#links = new LinkWatch({
      timers,
      handlers,
      check: (address, timeoutMs) => this.check(address, timeoutMs),
    });
    this.#links.watch(this.#post.agents.http, "http");
    this.#links.watch(this.#post.agents.https, "https");
  }

  send(to: Address, packet: Uint8Array): void {
    if (this.#handlers === null || parseNodeUrl(to) === null) return this.#count.refuse("no-path");
    if (packet.length > MAX_PACKET_BYTES) return this.#count.refuse("too-large");
    this.#count.sentPacket(packet.length);
    const replies = this.#replies.get(to);
    if (replies === undefined) this.#outbox(to).put(packet);
    else replies.push(Uint8Array.from(packet));
    return undefined;
  }

  async request(to: Address, body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    refuseTooLarge(body, MAX_REQUEST_BYTES);
    const posted = await this.#call(to, "request", body, timeoutMs);
    if (posted.kind === "failed") throw noAnswer(to, posted.why);
    if (posted.status !== 200) throw noAnswer(to, meaningOf(posted.status));
    return posted.body;
  }

  async check(address: Address, timeoutMs: number): Promise<CheckResult> {
    const posted = await this.#call(address, "packets", new Uint8Array(), timeoutMs);
    if (posted.kind === "failed") return posted.evidence;
    return posted.status === 200 ? "answered" : "stalled";
  }

  link(addresses: readonly Address[]): void {
    this.#links?.link(addresses);
  }

  counters(): TransportCounters {
    return this.#count.read();
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#handlers = null;
    this.#server = null;
    this.#links?.link([]);
    this.#links = null;
    for (const outbox of this.#outboxes.values()) outbox.close();
    this.#post.agents.http.destroy();
    this.#post.agents.https.destroy();
    await server?.close();
  }

  #refuseUnsafe(): void {
    const { bindAddress, advertise, auth } = this.#options;
    if (auth === null && !isLoopback(bindAddress)) {
      throw new BifrostError(
        "invalid-environment",
        `gossip without tokens is allowed on loopback only, and this node listens at ${bindAddress}; ` +
          "run it where a metadata server gives it an identity, or set cluster_config.bind_address to 127.0.0.1",
        { bindAddress },
      );
    }
    const isMissing = advertise === null && !isLoopback(bindAddress);
    if (isMissing || (advertise !== null && parseNodeUrl(advertise) === null)) {
      throw new BifrostError(
        "invalid-environment",
        `a node that is reached over HTTPS needs its own URL, such as https://gateway-1.example, without a path; ` +
          `found ${advertise ?? "none"}; set cluster_config.advertise`,
        { advertise },
      );
    }
  }

  async #authenticate(auth: HttpsAuth | null, token: string): Promise<void> {
    if (auth === null) return;
    const { service } = await auth.verifier.verify(token, this.localAddress);
    if (auth.services.includes(service)) return;
    throw new BifrostError("permission-denied", `${service} is not a node of this cluster`, {
      service,
    });
  }

  #collect(to: Address, task: () => void): readonly Uint8Array[] {
    const replies: Uint8Array[] = [];
    this.#replies.set(to, replies);
    try {
      task();
    } finally {
      this.#replies.delete(to);
    }
    return replies;
  }

  #outbox(to: Address): Outbox {
    const known = this.#outboxes.get(to);
    if (known !== undefined) return known;
    if (this.#outboxes.size >= MAX_OUTBOXES) this.#forgetIdle();
    const outbox = new Outbox({
      timers: this.#options.timers,
      count: this.#count,
      deliver: (packets) => this.#deliver(to, packets),
    });
    this.#outboxes.set(to, outbox);
    return outbox;
  }

  #forgetIdle(): void {
    for (const [address, outbox] of this.#outboxes)
      if (outbox.isIdle) this.#outboxes.delete(address);
  }

  async #deliver(to: Address, packets: readonly Uint8Array[]): Promise<void> {
    const posted = await this.#call(to, "packets", joinPackets(packets), PACKETS_TIMEOUT_MS);
    if (posted.kind === "failed" || posted.status !== 200) return this.#count.refuse("no-path");
    const replies = splitPackets(posted.body, MAX_PACKET_BYTES);
    if (replies === null) return this.#count.refuse("malformed");
    for (const packet of replies) {
      this.#count.receivedPacket(packet.length);
      this.#handlers?.onPacket(to, packet);
    }
    return undefined;
  }

  async #call(
    to: Address,
    operation: "packets" | "request",
    body: Uint8Array,
    timeoutMs: number,
  ): Promise<Posted> {
    const url = parseNodeUrl(to);
    if (url === null || this.#handlers === null) {
      const why =
        url === null ? "that is no https:// URL of a node" : "this node's transport is stopped";
      return { kind: "failed", evidence: "unreachable", why };
    }
    url.pathname = `${GOSSIP_PATH}/${operation}`;
    const { auth } = this.#options;
    const headers: Record<string, string> = {
      [FROM_HEADER]: this.localAddress,
      [LABEL_HEADER]: this.#labelTag,
      "content-type": "application/octet-stream",
    };
    try {
      if (auth !== null) headers["authorization"] = `Bearer ${await auth.identity.idToken(to)}`;
    } catch (error) {
      // Says nothing of the other node: the checks of others will.
      return { kind: "failed", evidence: "stalled", why: `no token for it (${messageOf(error)})` };
    }
    const posted = await post(url, headers, body, timeoutMs, this.#post);
    this.#notice(to, posted);
    return posted;
  }

  /** Says once why a node that answers does not take what this one sends. */
  #notice(address: Address, posted: Posted): void {
    if (posted.kind === "failed") return undefined;
    const cause = posted.status === 200 || posted.status === 500 ? null : meaningOf(posted.status);
    if (cause === null) return void this.#strange.delete(address);
    if (this.#strange.get(address) === cause) return undefined;
    if (this.#strange.size >= MAX_STRANGE) this.#strange.clear();
    this.#strange.set(address, cause);
    this.#options.logger.warn("a node does not accept what this one sends", { address, cause });
    return undefined;
  }
}

const MEANINGS: Readonly<Record<number, string>> = {
  400: "it cannot read what this node sends; do both run the same version?",
  401: "it does not accept this node's token; is this node's service among the services of the cluster, and its URL the advertised one?",
  404: "it has no gossip at that URL",
  409: "it belongs to another cluster; cluster_config.label differs",
  413: "what this node sends is too large for it",
  500: "it failed to answer; its log says why",
};

function meaningOf(status: number): string {
  return MEANINGS[status] ?? `it answered with status ${status}`;
}
