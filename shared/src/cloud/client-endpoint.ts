/** Options that point a Google gRPC client at another server than Google's. */
import type { grpc } from "google-gax";

export interface ClientEndpoint {
  readonly apiEndpoint?: string;
  readonly port?: number;
  readonly sslCreds?: grpc.ChannelCredentials;
}

/** `endpoint` is `host:port` without TLS, or null for Google's own with default credentials. */
export async function clientEndpoint(endpoint: string | null): Promise<ClientEndpoint> {
  if (endpoint === null) return {};
  const { grpc } = await import("google-gax"); // the copy of grpc-js that the clients themselves use
  const at = endpoint.lastIndexOf(":");
  return {
    apiEndpoint: endpoint.slice(0, at),
    port: Number(endpoint.slice(at + 1)),
    sslCreds: grpc.credentials.createInsecure(),
  };
}
