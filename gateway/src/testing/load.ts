/** Clients that ask again and again over kept connections, and know which process answered them. */
import { createServer, type Server } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { HOST } from "./proxy-rig.ts";

/** Answers with the part of the request's id that names the process it came through. */
export async function startNamingReplica(): Promise<{ address: string; close(): void }> {
  const server: Server = createServer((request, response) => {
    const id = String(request.headers["x-bifrost-request-id"]);
    response.end(id.slice(0, id.indexOf("-")));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

export interface Loss {
  /** Process that had answered on this connection before; null = none had. */
  readonly process: string | null;
  /** `refused`: no connection. `ended`: not a byte. `broken off`: not all of it. Or its status. */
  readonly how: string;
}

const REQUEST = `GET /load HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;

export class Load {
  answered = 0;
  /** Requests without a whole answer. */
  readonly lost: Loss[] = [];
  /** Of all answers so far. */
  readonly processes = new Map<string, number>();
  private readonly port: number;
  private isOver = false;
  private readonly clients: Promise<void>[];

  constructor(port: number, clients: number) {
    this.port = port;
    this.clients = Array.from({ length: clients }, () => this.run());
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.clients);
  }

  private async run(): Promise<void> {
    while (!this.isOver) {
      const client = await Connection.open(this.port);
      if (client === null) {
        this.lost.push({ process: null, how: "refused" });
        await new Promise((resolve) => setTimeout(resolve, 5));
        continue;
      }
      while (!this.isOver && (await this.askOnce(client)));
      client.socket.destroy();
    }
  }

  /** Whether the connection can be used again. */
  private async askOnce(client: Connection): Promise<boolean> {
    const before = client.process;
    const answer = await client.ask();
    if (answer.how === null) {
      this.answered++;
      this.processes.set(client.process ?? "", (this.processes.get(client.process ?? "") ?? 0) + 1);
      return !answer.closes;
    }
    this.lost.push({ process: before, how: answer.how });
    return false;
  }
}

interface Answer {
  /** null = whole. */
  readonly how: string | null;
  readonly closes: boolean;
}

class Connection {
  readonly socket: Socket;
  process: string | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  static open(port: number): Promise<Connection | null> {
    return new Promise((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      socket.once("connect", () => resolve(new Connection(socket)));
      socket.once("error", () => resolve(null));
      socket.on("error", () => undefined);
    });
  }

  ask(): Promise<Answer> {
    let text = "";
    return new Promise((resolve) => {
      const finish = (answer: Answer): void => {
        this.socket.removeAllListeners("data").removeAllListeners("close");
        resolve(answer);
      };
      this.socket.on("data", (data: Buffer) => {
        text += data.toString("latin1");
        const whole = wholeAnswer(text);
        if (whole === null) return;
        if (whole.status === 200) this.process = whole.body;
        const how = whole.status === 200 ? null : `status ${whole.status}`;
        finish({ how, closes: /\r\nconnection: close\r\n/i.test(text) });
      });
      this.socket.once("close", () =>
        finish({ how: text === "" ? "ended" : "broken off", closes: true }),
      );
      if (this.socket.destroyed) finish({ how: "ended", closes: true });
      else this.socket.write(REQUEST);
    });
  }
}

function wholeAnswer(text: string): { readonly status: number; readonly body: string } | null {
  const end = text.indexOf("\r\n\r\n");
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text)?.[1];
  if (end < 0 || length === undefined || text.length < end + 4 + Number(length)) return null;
  return { status: Number(text.slice(9, 12)), body: text.slice(end + 4) };
}
