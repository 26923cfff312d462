/** One HTTP POST over kept-alive connections, with a deadline as long as ten minutes. */
import { Agent, request as httpRequest } from "node:http";
import { Agent as TlsAgent, request as httpsRequest } from "node:https";
import type { ClientRequest, IncomingMessage } from "node:http";

export interface PostRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly method?: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const tlsAgent = new TlsAgent({ keepAlive: true, maxSockets: 256 });

/**
 * The status of the answer; its body is read and dropped. Rejects when there is no answer in time.
 * fetch is not used because it gives up after five minutes without headers.
 */
export async function post(options: PostRequest): Promise<number> {
  try {
    return (await send(options)).status;
  } catch (error) {
    // The server closed an idle connection while it was being reused: no delivery was attempted yet.
    if (!(error instanceof StaleConnection)) throw error;
    return (await send(options)).status;
  }
}

class StaleConnection extends Error {}

function send(options: PostRequest): Promise<{ readonly status: number }> {
  const { url, headers, body, timeoutMs, signal, method = "POST" } = options;
  const secure = url.startsWith("https:");
  const size = method === "GET" ? {} : { "content-length": String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const call: ClientRequest = (secure ? httpsRequest : httpRequest)(
      url,
      {
        method,
        agent: secure ? tlsAgent : agent,
        headers: { ...headers, ...size },
        signal: deadline,
      },
      (response: IncomingMessage) => {
        response.resume();
        response.once("error", reject);
        response.once("end", () => resolve({ status: response.statusCode ?? 0 }));
      },
    );
    call.once("error", (error: NodeJS.ErrnoException) => {
      const stale = call.reusedSocket && error.code === "ECONNRESET" && !deadline.aborted;
      reject(stale ? new StaleConnection("stale", { cause: error }) : error);
    });
    call.end(method === "GET" ? undefined : body);
  });
}
