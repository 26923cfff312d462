/** Clients that ask so many times a second, however long answers take, and note when each was asked and answered. */
import { Agent, request } from "node:http";
import { HOST } from "./proxy-rig.ts";

/** How often it is looked how many requests are due. */
const LOOK_MS = 10;
const SOCKETS = 32;

export interface Asked {
  readonly at: number;
  /** By whom, as PacedLoad was told. */
  readonly port: number;
  /** null = the connection ended first. */
  readonly status: number | null;
  readonly answeredAt: number;
}

export interface Paced {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of each gateway. */
  readonly perSecond: number;
}

export class PacedLoad {
  readonly asked: Asked[] = [];
  private readonly paced: Paced;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: SOCKETS });
  private readonly open = new Set<Promise<void>>();
  private readonly ticks: NodeJS.Timeout[];

  constructor(ports: readonly number[], paced: Paced) {
    this.paced = paced;
    this.ticks = ports.map((port) => {
      const startedAt = performance.now();
      let sent = 0;
      return setInterval(() => {
        const due = ((performance.now() - startedAt) * paced.perSecond) / 1000;
        for (; sent < due; sent++) this.ask(port);
      }, LOOK_MS);
    });
  }

  /** Resolves when everything that was asked has come to its end. */
  async stop(): Promise<void> {
    for (const tick of this.ticks) clearInterval(tick);
    await Promise.all(this.open);
    this.agent.destroy();
  }

  /** What was let through. */
  get passed(): readonly Asked[] {
    return this.asked.filter(({ status }) => status === 200);
  }

  private ask(port: number): void {
    const asked = this.note(port).finally(() => this.open.delete(asked));
    this.open.add(asked);
  }

  private async note(port: number): Promise<void> {
    const { path, headers } = this.paced;
    const at = performance.now();
    const status = await askOnce(this.agent, port, path, headers);
    this.asked.push({ at, port, status, answeredAt: performance.now() });
  }
}

function askOnce(
  agent: Agent,
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<number | null> {
  return new Promise((resolve) => {
    request({ agent, host: "127.0.0.1", port, path, headers: { host: HOST, ...headers } })
      .once("response", (response) => {
        const { statusCode = 0 } = response;
        response.once("close", () => resolve(response.complete ? statusCode : null)).resume();
      })
      .once("error", () => resolve(null))
      .end();
  });
}

/**
 * Requests let through beyond what one bucket gives, in the interval in which it was worst. Each was let through at some
 * moment between its question and its answer, so that an interval counts those that lie in it whole.
 */
export function mostBeyond(
  passed: readonly Pick<Asked, "at" | "answeredAt">[],
  limit: { readonly rate: number; readonly burst: number },
): number {
  const inOrder = passed.toSorted((a, b) => a.answeredAt - b.answeredAt);
  let most = -Infinity;
  for (const { at: from } of inOrder) {
    let count = 0;
    for (const { at, answeredAt } of inOrder) {
      if (at < from) continue;
      count++;
      most = Math.max(most, count - limit.burst - (limit.rate * (answeredAt - from)) / 1000);
    }
  }
  return most;
}
