/** A server acting as a replica, treating every connection as told. */
import { createServer, type AddressInfo, type Socket } from "node:net";

export interface RunningReplica {
  readonly address: string;
  close(): void;
}

export async function startReplica(behave: (socket: Socket) => void): Promise<RunningReplica> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    behave(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
