/** Requests through a load balancer without a pause, each on a connection of its own: GET and POST in turn. */
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export interface BalancedLoad {
  /** Answers with status 200 whose body is the one expected. */
  readonly answered: { GET: number; POST: number };
  /** Everything else, with its method. */
  readonly failures: string[];
  stop(): Promise<void>;
}

export interface LoadTarget {
  /** Of the balancer. */
  readonly address: string;
  readonly host: string;
  /** What the app answers to everything. */
  readonly body: string;
  readonly clients: number;
}

/** Between two requests of one client: a balancer on the same two cores needs some of them. */
const PAUSE_MS = 2;

export function loadBalanced(target: LoadTarget): BalancedLoad {
  const answered = { GET: 0, POST: 0 };
  const failures: string[] = [];
  const over = new AbortController();
  const client = async () => {
    for (let turn = 0; !over.signal.aborted; turn++) {
      const method = turn % 2 === 0 ? "GET" : "POST";
      const found = await ask(target, method).catch(String);
      if (found === `200 ${target.body}`) answered[method]++;
      else failures.push(`${method}: ${found}`);
      await sleep(PAUSE_MS);
    }
  };
  const all = Promise.all(Array.from({ length: target.clients }, client));
  return {
    answered,
    failures,
    async stop() {
      over.abort();
      await all;
    },
  };
}

function ask({ address, host }: LoadTarget, method: "GET" | "POST"): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(
      address,
      { method, headers: { host }, agent: false, timeout: 20_000 },
      (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text: string) => (body += text));
        response.once("error", reject);
        response.once("end", () => resolve(`${response.statusCode} ${body}`));
      },
    );
    asked.once("timeout", () => asked.destroy(new Error("no answer")));
    asked.once("error", reject);
    asked.end(method === "POST" ? "some text" : undefined);
  });
}
