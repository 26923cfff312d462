/** Listen calls without a client library, so that what is measured is the server: many targets, few objects. */
import {
  type ChannelCredentials,
  type Client,
  type ClientDuplexStream,
  credentials,
  makeClientConstructor,
  Metadata,
} from "@grpc/grpc-js";
import { loadFirestoreMethods } from "../../../local/src/firestore/grpc/firestore-proto.ts";

interface Response {
  readonly targetChange?: {
    readonly targetChangeType?: string;
    readonly targetIds?: readonly number[];
    readonly cause?: unknown;
  };
  readonly documentChange?: { readonly targetIds?: readonly number[] };
}

type ListenClient = Client & { Listen(metadata: Metadata): ClientDuplexStream<object, Response> };

const Connection = makeClientConstructor(
  Object.fromEntries(loadFirestoreMethods()),
  "Firestore",
) as unknown as new (address: string, how: ChannelCredentials, options: object) => ListenClient;

/** One connection with one Listen call. */
export class RawListener {
  readonly #client: ListenClient;
  readonly #call: ClientDuplexStream<object, Response>;
  #current = 0;
  #changes = 0;
  #failure: unknown;
  #wake: () => void = () => undefined;

  constructor(port: number, token: string) {
    // Without its own pool every client would share one connection.
    const options = { "grpc.use_local_subchannel_pool": 1 };
    this.#client = new Connection(`127.0.0.1:${port}`, credentials.createInsecure(), options);
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${token}`);
    this.#call = this.#client.Listen(metadata);
    this.#call.on("data", (response: Response) => this.#receive(response));
    this.#call.on("error", (error) => this.#fail(error));
  }

  /** `targets` are the contents of `addTarget` without its id; resolves when all of them are current. */
  async add(targets: readonly object[]): Promise<void> {
    for (const [index, target] of targets.entries()) {
      this.#call.write({ addTarget: { targetId: index + 1, ...target } });
    }
    await this.#until(() => this.#current === targets.length);
  }

  /** Resolves when so many targets have been told of a change since the last call of this. */
  async changes(count: number): Promise<void> {
    await this.#until(() => this.#changes >= count);
    this.#changes = 0;
  }

  close(): void {
    this.#call.removeAllListeners("error").on("error", () => undefined);
    this.#call.cancel();
    this.#client.close();
  }

  #receive({ targetChange, documentChange }: Response): void {
    if (targetChange?.cause !== undefined) this.#fail(new Error(JSON.stringify(targetChange)));
    if (targetChange?.targetChangeType === "CURRENT")
      this.#current += targetChange.targetIds?.length ?? 0;
    // The first state of a target is not a change: it comes before CURRENT, which resets the count.
    if (targetChange?.targetChangeType === "CURRENT") this.#changes = 0;
    this.#changes += documentChange?.targetIds?.length ?? 0;
    this.#wake();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#wake();
  }

  async #until(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
