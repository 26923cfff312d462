/** Before anything is measured: every contender must do the whole of the work that is compared. */
import { Agent, request } from "node:http";
import { until } from "../../../support/until.ts";
import type { Policy, Setting } from "./contender.ts";

const CLIENTS = 200;
/** Of 200 clients, with room for what hashes do to so few. */
const SHARE_OF_B = { least: 0.03, most: 0.2 };

export async function assertSameWork(
  name: string,
  port: number,
  setting: Pick<Setting, "upstreams" | "policy">,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const portOfB = setting.upstreams.b.split(":")[1] ?? "";
    await until(async () => (await ask(agent, port, "client-0")).status === 200, {
      what: `a first answer of ${name}`,
    });
    let b = 0;
    for (let client = 0; client < CLIENTS; client++) {
      const answer = await ask(agent, port, `client-${client}`);
      const upstream = answer.body.split(" ")[0] === portOfB ? "b" : "a";
      if (upstream === "b") b++;
      const wanted = `${setting.upstreams[upstream].split(":")[1]} app1.example.test ${setting.policy === "none" ? " 1" : `${upstream} `}`;
      assertEqual(name, answer.body, wanted);
      const variant = setting.policy === "request and response" ? upstream : undefined;
      assertEqual(name, answer.variant, String(variant));
      if (variant !== undefined) assertEqual(name, answer.server, "undefined");
    }
    assertShare(name, setting.policy, b / CLIENTS);
  } finally {
    agent.destroy();
  }
}

function assertEqual(name: string, found: string, wanted: string): void {
  if (found !== wanted)
    throw new Error(
      `${name} made ${JSON.stringify(found)} of the request or response, not ${JSON.stringify(wanted)}`,
    );
}

function assertShare(name: string, policy: Policy, share: number): void {
  const { least, most } = policy === "none" ? { least: 0, most: 0 } : SHARE_OF_B;
  if (share >= least && share <= most) return;
  throw new Error(
    `${name} sent ${share * 100} % of the clients to b, not ${least * 100} to ${most * 100} %`,
  );
}

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
  readonly variant: string;
  readonly server: string;
}

function ask(agent: Agent, port: number, client: string): Promise<Answer> {
  const headers = { host: "app1.example.test", "x-client": client, "x-internal": "1" };
  return new Promise((resolve, reject) => {
    const call = request({ agent, host: "127.0.0.1", port, path: "/seen", headers });
    call.once("error", reject).once("response", (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.once("end", () =>
        resolve({
          status: response.statusCode,
          body,
          variant: String(response.headers["x-variant"]),
          server: String(response.headers["server"]),
        }),
      );
    });
    call.end();
  });
}
