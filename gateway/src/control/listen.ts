/** Starts listening, with words for the failure that happens. */
import type { Server } from "node:net";
import { BifrostError } from "@bifrost/shared/domain/errors";

export function listen(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
  what: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === "EADDRINUSE";
      const message = `${what} cannot listen on ${host}:${port}: ${error.message}`;
      reject(isTaken ? new BifrostError("port-taken", message, { host, port }) : error);
    });
    server.listen(port, host, resolve);
  });
}
