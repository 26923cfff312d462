/** Starts the embedded store in a process of its own, and as little client as possible for its REST interface. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import path from "node:path";
import { ROOT } from "../../support/folders.ts";
import type { StoreFacts, StoreReady } from "./store-messages.ts";

export const DOCUMENTS = "projects/bifrost-local/databases/(default)/documents";

const MAX_SOCKETS = 64;

export class StoreUnderBench {
  readonly port: number;
  readonly ownerToken: string;
  readonly #tokens: StoreReady["tokens"];
  readonly #child: ChildProcess;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MAX_SOCKETS });

  private constructor(child: ChildProcess, ready: StoreReady) {
    this.#child = child;
    this.port = ready.port;
    this.ownerToken = ready.ownerToken;
    this.#tokens = ready.tokens;
  }

  static async start(): Promise<StoreUnderBench> {
    const child = fork(path.join(ROOT, "test/bench/support/rules-store.ts"), {
      execArgv: ["--import", "tsx", "--expose-gc"],
    });
    const [ready] = (await once(child, "message")) as [StoreReady];
    return new StoreUnderBench(child, ready);
  }

  tokenOf(name: string): string {
    const token = this.#tokens[name];
    if (token === undefined) throw new Error(`there is no token for ${name}`);
    return token;
  }

  async facts(): Promise<StoreFacts> {
    this.#child.send("facts");
    const [facts] = (await once(this.#child, "message")) as [StoreFacts];
    return facts;
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    this.#child.disconnect();
    await once(this.#child, "exit");
  }

  /** Resolves with the commit's time, which is the version of what it wrote. */
  async commit(token: string, writes: readonly object[]): Promise<string> {
    const text = await this.#ask(token, "POST", `${DOCUMENTS}:commit`, JSON.stringify({ writes }));
    return (JSON.parse(text) as { commitTime: string }).commitTime;
  }

  /** `id` is the path below the root of the documents. */
  async get(token: string, id: string): Promise<void> {
    await this.#ask(token, "GET", `${DOCUMENTS}/${id}`);
  }

  #ask(token: string, method: string, name: string, body?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const call = request({
        agent: this.#agent,
        host: "127.0.0.1",
        port: this.port,
        method,
        path: `/v1/${name}`,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      });
      call.once("error", reject).once("response", (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.once("end", () => {
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`the store answered ${response.statusCode}: ${text}`));
        });
      });
      call.end(body);
    });
  }
}
