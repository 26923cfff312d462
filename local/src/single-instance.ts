/** One platform per data directory: whoever answers on the socket is the one. */
import { mkdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import path from "node:path";
import { BifrostError } from "@bifrost/shared/domain/errors";

export interface Instance {
  release(): void;
}

/** Throws `already-running`, with what the running one says about itself. `describe` answers later callers. */
export async function claimInstance(home: string, describe: () => string): Promise<Instance> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const socket = path.join(home, "platform.sock");
  const answer = await ask(socket);
  if (answer !== null) {
    throw new BifrostError("already-running", `the platform runs already: ${answer}`, { home });
  }
  rmSync(socket, { force: true }); // left behind by a platform that was killed
  const server = await listen(socket, describe);
  return {
    release() {
      server.close();
      rmSync(socket, { force: true });
    },
  };
}

function ask(socket: string): Promise<string | null> {
  return new Promise((resolve) => {
    let text = "";
    const client = connect(socket);
    client.setEncoding("utf8");
    client.on("data", (chunk: string) => (text += chunk));
    client.on("end", () => resolve(text));
    client.on("error", () => resolve(null));
  });
}

function listen(socket: string, describe: () => string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((client) => client.on("error", () => {}).end(describe()));
    server.once("error", reject);
    server.listen(socket, () => resolve(server.unref()));
  });
}
