/** The part of ws that tests use; the package brings no types. */
declare module "ws" {
  import type { EventEmitter } from "node:events";
  import type { Server } from "node:http";

  export class WebSocket extends EventEmitter {
    constructor(
      url: string,
      protocols: readonly string[],
      options: Readonly<Record<string, unknown>>,
    );
    readonly protocol: string;
    readonly extensions: string;
    send(data: string | Buffer): void;
    ping(data?: string): void;
    close(code?: number, reason?: string): void;
    terminate(): void;
  }

  export class WebSocketServer extends EventEmitter {
    readonly clients: ReadonlySet<WebSocket>;
    constructor(options: { readonly server: Server; readonly perMessageDeflate?: boolean });
    close(): void;
  }
}
