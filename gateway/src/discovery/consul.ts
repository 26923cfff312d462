/**
 * Consul: each node registers with its agent, with a check that connects to its gossip port, and hears of the others
 * by blocking queries. One that fails its check is left out at once, and deregistered by Consul after a minute.
 */
import { EventEmitter } from "node:events";
import { messageOf } from "@bifrost/shared/domain/errors";
import Consul from "consul";
import type { DiscoveryConfig } from "../cluster-config/cluster-config.ts";
import { splitAddress } from "./address.ts";
import { readConsulNodes } from "./consul-nodes.ts";
import type { Discovery, DiscoveryHandlers, DiscoverySelf } from "./discovery.ts";
import { Findings } from "./findings.ts";
import type { DiscoveryBasics } from "./parts.ts";
import { Rounds } from "./rounds.ts";
import { GOODBYE_MS } from "./goodbye.ts";
import { inTime } from "@bifrost/shared/domain/in-time";

export type ConsulConfig = Extract<DiscoveryConfig, { type: "consul" }>;

/** Of one blocking query; Consul adds up to a sixteenth of it. */
const WAIT_SECONDS = 30;
/** An answer that came at once and says nothing new is not asked for again at once. */
const IDLE_PAUSE_MS = 1000;
const REGISTER_AGAIN_MS = 10_000;

interface Answer {
  readonly index: string;
  readonly nodes: readonly unknown[];
}

/** The agent cannot be reached, or said no. */
class NotRegistered extends Error {}

export class ConsulDiscovery implements Discovery {
  readonly type = "consul";
  readonly #config: ConsulConfig;
  readonly #basics: DiscoveryBasics;
  readonly #consul: Consul;
  readonly #findings: Findings;
  readonly #rounds: Rounds;
  /** Of the last answer; null = ask without waiting. */
  #index: string | null = null;
  #registeredAt = -Infinity;
  /** The one that is under way, or the last one. */
  #registration: Promise<unknown> = Promise.resolve();
  #question: Question | null = null;

  /** `token`: of Consul's ACLs; null = none. */
  constructor(config: ConsulConfig, basics: DiscoveryBasics, token: string | null) {
    const { log, timers, random } = basics;
    this.#config = config;
    this.#basics = basics;
    this.#consul = connect(config.address, token);
    this.#findings = new Findings(this.type, log, timers);
    this.#rounds = new Rounds({
      timers,
      random,
      round: () => this.#round(),
      onError: (error) => this.#failed(error),
    });
  }

  start(self: DiscoverySelf, handlers: DiscoveryHandlers): Promise<void> {
    this.#findings.begin(self, handlers);
    this.#rounds.start();
    return this.#findings.first;
  }

  /** Ends the question that waits for a change; the next one does not wait. */
  refresh(): void {
    this.#index = null;
    this.#rounds.hurry();
    this.#question?.cancel();
  }

  problem(): string | null {
    return this.#findings.problem;
  }

  async stop(): Promise<void> {
    this.#rounds.stop();
    this.#findings.end();
    this.#question?.cancel();
    // Otherwise it could arrive after the deregistration.
    await inTime(this.#basics.timers, GOODBYE_MS, this.#registration).catch(() => undefined);
    const gone = this.#consul.agent.service.deregister(this.#serviceId);
    await inTime(this.#basics.timers, GOODBYE_MS, gone).catch(() => undefined);
    this.#consul.destroy();
  }

  get #serviceId(): string {
    return `${this.#config.serviceName}-${this.#findings.self.nodeId}`;
  }

  async #round(): Promise<number> {
    const { timers } = this.#basics;
    if (this.#registeredAt === -Infinity) await this.#register();
    const [before, askedAt] = [this.#index, timers.now()];
    const answer = await this.#ask();
    if (answer === null) return 0;
    const { index, nodes } = answer;
    // A smaller index: Consul lost its state, this node with it, and counts anew.
    const isAnew = Number(index) < Number(before ?? 0);
    if (isAnew) this.#registeredAt = -Infinity;
    this.#index = isAnew ? null : index;
    this.#rounds.succeeded();
    this.#findings.works();
    const isKnown = this.#take(nodes);
    if (!isKnown) {
      // No change may come that would end a question that waits.
      this.#index = null;
      return IDLE_PAUSE_MS;
    }
    const isIdle = index === before && timers.now() - askedAt < IDLE_PAUSE_MS;
    return isIdle ? IDLE_PAUSE_MS : 0;
  }

  async #register(): Promise<void> {
    const { address } = this.#findings.self;
    const place = splitAddress(address);
    if (place === null) throw new NotRegistered(`${address} is not a host with a port`);
    const registration = this.#consul.agent.service.register({
      id: this.#serviceId,
      name: this.#config.serviceName,
      address: place.host,
      port: place.port,
      check: {
        name: "gossip port",
        tcp: address,
        interval: "10s",
        timeout: "5s",
        // Until the first check: a node that is about to start is no sick one.
        status: "passing",
        deregistercriticalserviceafter: "1m",
      },
    });
    const answer = this.#soon(registration);
    this.#registration = answer.catch(() => undefined);
    try {
      await answer;
    } catch (error) {
      throw new NotRegistered(messageOf(error), { cause: error });
    }
    this.#registeredAt = this.#basics.timers.now();
  }

  /** Null when the question was withdrawn. */
  async #ask(): Promise<Answer | null> {
    const question = new Question();
    this.#question = question;
    const { serviceName: service, datacenter, dialTimeoutMs } = this.#config;
    const options = {
      service,
      ...(datacenter === null ? {} : { dc: datacenter }),
      ...(this.#index === null ? {} : { index: this.#index, wait: `${WAIT_SECONDS}s` }),
      timeout: dialTimeoutMs + (this.#index === null ? 0 : WAIT_SECONDS * 1100),
      ctx: question,
    };
    try {
      // With a context that asks for it, the client answers with the response too.
      const [response, body] = (await this.#consul.health.service(options)) as unknown as readonly [
        { readonly headers: Readonly<Record<string, string | undefined>> },
        unknown,
      ];
      const index = response.headers["x-consul-index"] ?? "";
      if (!/^[1-9]\d{0,19}$/.test(index)) throw new Error("the answer has no X-Consul-Index");
      if (!Array.isArray(body)) throw new Error("the answer is not a list of services");
      return { index, nodes: body };
    } catch (error) {
      if (question.isCancelled) return null;
      throw error;
    } finally {
      this.#question = null;
    }
  }

  /** Whether this node stands where it should. */
  #take(answer: readonly unknown[]): boolean {
    const { nodes, invalid } = readConsulNodes(answer);
    if (invalid > 0) this.#findings.note("invalid-entry", { entries: invalid });
    const own = nodes.find(({ id }) => id === this.#serviceId);
    const others = nodes.filter(({ id, isCritical }) => id !== this.#serviceId && !isCritical);
    this.#findings.found(others.map(({ address }) => address));
    if (own?.isCritical === true) this.#findings.note("consul-critical", { service: own.id });
    // Another datacenter does not know this node.
    if (own !== undefined || this.#config.datacenter !== null) return true;
    // What was just registered may not be in the catalog yet.
    const age = this.#basics.timers.now() - this.#registeredAt;
    if (age >= REGISTER_AGAIN_MS) this.#registeredAt = -Infinity;
    return false;
  }

  #failed(error: unknown): void {
    // The agent may have been started anew, and know nothing.
    this.#registeredAt = -Infinity;
    this.#index = null;
    const { address, datacenter } = this.#config;
    const name = error instanceof NotRegistered ? "consul-register" : "consul-query";
    this.#findings.fails(name, { address, datacenter, error: messageOf(error) });
  }

  #soon<T>(call: Promise<T>): Promise<T> {
    return inTime(this.#basics.timers, this.#config.dialTimeoutMs, call);
  }
}

/** What the client calls a context: it aborts its request on `cancel`. */
class Question extends EventEmitter {
  readonly includeResponse = true;
  isCancelled = false;

  cancel(): void {
    this.isCancelled = true;
    this.emit("cancel");
  }
}

/** `host:port`, or a URL. */
function connect(address: string, token: string | null): Consul {
  const url = new URL(address.includes("://") ? address : `http://${address}`);
  const secure = url.protocol === "https:";
  return new Consul({
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port === "" ? 8500 : url.port),
    secure,
    ...(token === null ? {} : { defaults: { token } }),
  });
}
