/** One session with etcd = one client, one lease, one watch; it ends as a whole. */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import { Etcd3, type IOptions, type Lease } from "etcd3";
import type { ClusterSecrets, DiscoveryConfig } from "../cluster-config/cluster-config.ts";
import type { Address } from "../gossip/member.ts";
import { isAddress } from "./address.ts";
import { type Findings, MAX_NODES } from "./findings.ts";
import type { DiscoveryBasics } from "./parts.ts";
import { GOODBYE_MS } from "./goodbye.ts";
import { inTime } from "@bifrost/shared/domain/in-time";

export interface EtcdOptions extends DiscoveryBasics {
  readonly config: Extract<DiscoveryConfig, { type: "etcd" }>;
  readonly credentials: ClusterSecrets["etcdCredentials"];
  /** LEASE_SECONDS when absent. */
  readonly leaseSeconds?: number;
  /** PEM; when absent those that Node trusts, to which NODE_EXTRA_CA_CERTS adds. */
  readonly authority?: string;
}

const LEASE_SECONDS = 30;
/** A watch that fell silent without a word costs no more than this. */
const LIST_AGAIN_MS = 30_000;
const MAX_VALUE_BYTES = 1024;

export class LeaseLost extends Error {}

export class EtcdSession {
  readonly #options: EtcdOptions;
  readonly #findings: Findings;
  readonly #timers: Timers;
  readonly #client: Etcd3;
  readonly #prefix: string;
  /** This node's own. */
  readonly #key: string;
  /** Rejects when the session has ended by itself. */
  readonly broken: Promise<never>;
  #breaks: (error: Error) => void = () => undefined;
  #lease: Lease | null = null;
  isOpen = false;
  #isListing = false;
  #mustListAgain = false;
  #isClosed = false;

  constructor(options: EtcdOptions, findings: Findings) {
    this.#options = options;
    this.#findings = findings;
    this.#timers = options.timers;
    this.#prefix = `/services/${options.config.serviceName}/`;
    this.#key = `${this.#prefix}${findings.self.nodeId}`;
    this.#client = new Etcd3(clientOptions(options));
    this.broken = new Promise((_, reject) => (this.#breaks = reject));
    // Nobody waits for it any more when the session was closed on purpose.
    this.broken.catch(() => undefined);
  }

  /** Watches, registers, lists: in this order, so that no change is missed. */
  async open(): Promise<void> {
    // The lease first: the client tries to watch for ever, and says nothing, where there is no etcd.
    await this.#within(this.#grant());
    await this.#within(this.#watch());
    await this.#within(this.#register());
    await this.#within(this.#listOnce());
    this.isOpen = true;
    this.#listInAWhile();
  }

  list(): void {
    if (this.#isListing) {
      this.#mustListAgain = true;
      return;
    }
    this.#isListing = true;
    this.#within(this.#listOnce())
      .catch((error: unknown) => this.#break(error))
      .finally(() => {
        this.#isListing = false;
        if (this.#mustListAgain && !this.#isClosed) this.list();
        this.#mustListAgain = false;
      });
  }

  /** The session is over: its end, and that of its key, are no loss. */
  async revoke(): Promise<void> {
    this.#isClosed = true;
    if (this.#lease === null) return;
    // Where etcd does not answer, the key goes with its lease.
    await inTime(this.#timers, GOODBYE_MS, this.#lease.revoke()).catch(() => undefined);
  }

  close(): void {
    this.#isClosed = true;
    this.#lease?.release();
    this.#client.close();
  }

  #within<T>(work: Promise<T>): Promise<T> {
    return inTime(this.#timers, this.#options.config.dialTimeoutMs, work);
  }

  #break(error: unknown): void {
    if (this.#isClosed) return;
    this.#breaks(error instanceof Error ? error : new Error(messageOf(error)));
  }

  async #watch(): Promise<void> {
    const watcher = await this.#client.watch().prefix(this.#prefix).create();
    watcher.on("data", () => this.list());
    watcher.on("disconnected", (error) => this.#break(error));
    watcher.on("error", (error) => this.#break(error));
  }

  async #grant(): Promise<void> {
    this.#lease = this.#client.lease(this.#options.leaseSeconds ?? LEASE_SECONDS);
    this.#lease.on("lost", (error) => this.#break(new LeaseLost(error.message)));
    await this.#lease.grant();
  }

  async #register(): Promise<void> {
    const { address } = this.#findings.self;
    await this.#lease?.put(this.#key).value(JSON.stringify({ address }));
  }

  #read() {
    return this.#client
      .getAll()
      .prefix(this.#prefix)
      .limit(MAX_NODES + 1)
      .buffers();
  }

  async #listOnce(): Promise<void> {
    const entries = Object.entries(await this.#read());
    // Others may be so many that this node's own is not among them.
    const isMissing = entries.length <= MAX_NODES && !entries.some(([key]) => key === this.#key);
    if (isMissing && !this.#isClosed) throw new LeaseLost("this node's key is gone from etcd");
    const others = entries.filter(([key]) => key !== this.#key);
    this.#findings.found(
      others.flatMap(([key, value]) => {
        const address = addressIn(value);
        if (address === null) this.#findings.note("invalid-entry", { key: key.slice(0, 200) });
        return address === null ? [] : [address];
      }),
    );
  }

  #listInAWhile(): void {
    this.#timers.after(LIST_AGAIN_MS, () => {
      if (this.#isClosed) return;
      this.list();
      this.#listInAWhile();
    });
  }
}

function clientOptions({ config, credentials, authority }: EtcdOptions): IOptions {
  const { endpoints, dialTimeoutMs } = config;
  return {
    hosts: [...endpoints],
    dialTimeout: dialTimeoutMs,
    ...(credentials === null ? {} : { auth: { ...credentials } }),
    ...(authority === undefined
      ? {}
      : { credentials: { rootCertificate: Buffer.from(authority) } }),
  };
}

/** `{"address": "10.0.0.1:10101"}`; null for everything else. */
function addressIn(value: Buffer): Address | null {
  if (value.length > MAX_VALUE_BYTES) return null;
  try {
    const entry: unknown = JSON.parse(value.toString());
    if (typeof entry !== "object" || entry === null || !("address" in entry)) return null;
    return isAddress(entry.address) ? entry.address : null;
  } catch {
    return null;
  }
}
