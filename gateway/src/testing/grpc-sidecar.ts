/** A sidecar's end of the gRPC stream: the unmodified client with the proto file itself. */
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type ChannelOptions,
  type Client,
  type ClientDuplexStream,
  type ServiceClientConstructor,
  type StatusObject,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { TelemetryLine } from "@bifrost/shared/domain/telemetry";

const PROTO = new URL("../../../proto/telemetry.proto", import.meta.url).pathname;
const { bifrost } = loadPackageDefinition(loadSync(PROTO, { longs: Number })) as unknown as {
  readonly bifrost: { readonly v1: { readonly Telemetry: ServiceClientConstructor } };
};

type Stream = ClientDuplexStream<Partial<TelemetryLine>, { readonly seq: number }>;
type Telemetry = Client & { report(metadata: Metadata): Stream };

export interface ReportStream {
  readonly acks: readonly number[];
  /** Resolves when the call ended, with how. */
  readonly ended: Promise<StatusObject>;
  readonly isOver: () => boolean;
  send(line: Partial<TelemetryLine>): void;
  /** No more samples; the collector acknowledges the rest and ends the call. */
  finish(): void;
}

export class GrpcSidecar {
  private readonly client: Telemetry;

  constructor(port: number, options: ChannelOptions = {}) {
    this.client = new bifrost.v1.Telemetry(
      `127.0.0.1:${port}`,
      credentials.createInsecure(),
      // Each one has connections of its own.
      { "grpc.use_local_subchannel_pool": 1, ...options },
    ) as unknown as Telemetry;
  }

  report(entries: Readonly<Record<string, string>>): ReportStream {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
    const stream = this.client.report(metadata);
    const acks: number[] = [];
    let isOver = false;
    stream.on("data", ({ seq }: { readonly seq: number }) => acks.push(seq));
    stream.on("error", () => undefined);
    const ended = new Promise<StatusObject>((resolve) => {
      stream.on("status", (status: StatusObject) => {
        isOver = true;
        resolve(status);
      });
    });
    return {
      acks,
      ended,
      isOver: () => isOver,
      send: (line) => void stream.write(line),
      finish: () => stream.end(),
    };
  }

  close(): void {
    this.client.close();
  }
}
