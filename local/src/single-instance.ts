/** One platform per data directory: whoever answers on the socket is the one. */
import { mkdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import path from "node:path";
import { BifrostError } from "@bifrost/shared/domain/errors";

export interface Instance {
  release(): void;
}

/** What a running platform says about itself to whoever connects to its socket, as one JSON text. */
export interface InstanceReport {
  /** One line for people. */
  readonly summary: string;
  readonly pid: number;
  /** Facts of every stand-in, by product: counts, never secrets. */
  readonly info: Readonly<Record<string, unknown>>;
}

/** Throws `already-running`, with what the running one says about itself. `report` answers later callers. */
export async function claimInstance(home: string, report: () => InstanceReport): Promise<Instance> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const socket = path.join(home, "platform.sock");
  const answer = await ask(socket);
  if (answer !== null) {
    throw new BifrostError("already-running", `the platform runs already: ${answer.summary}`, {
      home,
    });
  }
  rmSync(socket, { force: true }); // left behind by a platform that was killed
  const server = await listen(socket, report);
  return {
    release() {
      server.close();
      rmSync(socket, { force: true });
    },
  };
}

function ask(socket: string): Promise<InstanceReport | null> {
  return new Promise((resolve) => {
    let text = "";
    const client = connect(socket);
    client.setEncoding("utf8");
    client.on("data", (chunk: string) => (text += chunk));
    client.on("end", () => resolve(JSON.parse(text) as InstanceReport));
    client.on("error", () => resolve(null));
  });
}

function listen(socket: string, report: () => InstanceReport): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((client) =>
      client.on("error", () => {}).end(JSON.stringify(report())),
    );
    server.once("error", reject);
    server.listen(socket, () => resolve(server.unref()));
  });
}
