/** A way to a server of this machine, on which the network can do its worst. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class TestLine {
  readonly port: number;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private isCut = false;

  private constructor(server: Server, target: number) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (socket) => {
      if (this.isCut) {
        socket.destroy();
        return;
      }
      const onward = connect(target, "127.0.0.1");
      for (const one of [socket, onward]) this.keep(one);
      socket.pipe(onward).pipe(socket);
    });
  }

  static async to(target: number): Promise<TestLine> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TestLine(server, target);
  }

  /** Connections that are there carry nothing any more, as behind a firewall that forgot them; new ones do. */
  fallSilent(): void {
    for (const socket of this.sockets) socket.unpipe().pause();
  }

  /** Ends every connection, and each new one at once. */
  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.isCut = false;
  }

  close(): void {
    this.server.close();
    this.cut();
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.sockets.delete(socket));
  }
}
