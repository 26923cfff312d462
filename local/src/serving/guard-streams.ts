/** Keeps a client that opens and resets streams from ending this process. */
import type { Http2Server, ServerHttp2Stream } from "node:http2";
import type { Server } from "@grpc/grpc-js";

/**
 * grpc-js answers what is no call of a known method without looking whether the stream still exists, and when it does
 * not, Node throws where nobody catches: two frames of anybody would end the process. Called once the server has its
 * HTTP/2 servers, which grpc-js shows to nobody; a test resets streams and fails when they are no longer found here.
 */
export function guardStreams(server: Server): void {
  const { http2Servers } = server as unknown as { http2Servers: ReadonlyMap<Http2Server, unknown> };
  for (const http2Server of http2Servers.keys()) {
    const emit = http2Server.emit.bind(http2Server) as (
      event: string,
      ...values: unknown[]
    ) => boolean;
    http2Server.emit = (event: string | symbol, ...values: unknown[]): boolean => {
      if (event !== "stream") return emit(String(event), ...values);
      try {
        return emit(event, ...values);
      } catch {
        (values[0] as ServerHttp2Stream).destroy();
        return true;
      }
    };
  }
}
