/** Stands between a client and the store, and cuts their connections when told to. */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface TcpRelay {
  readonly port: number;
  /** Connections cut since the start. */
  readonly cut: number;
  /** Cuts every connection, without a word to either side. */
  cutAll(): void;
  close(): Promise<void>;
}

export async function openTcpRelay(target: number): Promise<TcpRelay> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let cut = 0;
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        pairs.delete(pair);
        for (const end of pair) end.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cutAll = (): void => {
    for (const pair of pairs) {
      cut += 1;
      for (const socket of pair) socket.resetAndDestroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    get cut() {
      return cut;
    },
    cutAll,
    close() {
      cutAll();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
