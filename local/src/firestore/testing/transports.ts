/** One small request by each way into the store, told by its status alone. */
import {
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  makeClientConstructor,
  Metadata,
  status,
} from "@grpc/grpc-js";
import { loadFirestoreMethods } from "../grpc/firestore-proto.ts";
import { ROOT } from "./firestore-fixture.ts";
import { RawChannel } from "./raw-channel.ts";

/** `"OK"` or the name of the refusal, for requests with this Authorization header (none = no header). */
export type Ask = (port: number, authorization?: string) => Promise<string>;

const DATABASE = ROOT.slice(0, -"/documents".length);
const NAME = `${ROOT}/open/none`;

export interface RawFirestore {
  Listen(metadata: Metadata): ClientDuplexStream<object, object>;
  Write(metadata: Metadata): ClientDuplexStream<object, object>;
  RunQuery(request: object, metadata: Metadata): ClientReadableStream<object>;
  BatchGetDocuments(request: object, metadata: Metadata): ClientReadableStream<object>;
  ListDocuments(
    request: object,
    metadata: Metadata,
    done: (error: { code: number } | null, response?: object) => void,
  ): void;
  close(): void;
}

const Client = makeClientConstructor(Object.fromEntries(loadFirestoreMethods()), "Firestore");

/** The service without any client library around it. */
export function rawClient(port: number): RawFirestore {
  // A pool of its own, so that closing it closes the connection.
  const options = { "grpc.use_local_subchannel_pool": 1 };
  const address = `127.0.0.1:${port}`;
  return new Client(address, credentials.createInsecure(), options) as unknown as RawFirestore;
}

export function bearing(authorization: string | undefined): Metadata {
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set("authorization", authorization);
  return metadata;
}

const rest: Ask = async (port, authorization) => {
  const headers = authorization === undefined ? {} : { authorization };
  const response = await fetch(`http://127.0.0.1:${port}/v1/${ROOT}/open`, { headers });
  const body = (await response.json()) as { readonly error?: { readonly status: string } };
  return body.error?.status ?? "OK";
};

function overGrpc(send: (client: RawFirestore, metadata: Metadata) => Promise<string>): Ask {
  return async (port, authorization) => {
    const client = rawClient(port);
    try {
      return await send(client, bearing(authorization));
    } finally {
      client.close();
    }
  };
}

/** OK with the first answer: a two-way call has no end of its own. */
function firstAnswer(call: ClientReadableStream<object>): Promise<string> {
  return new Promise((resolve) => {
    call.on("data", () => (resolve("OK"), call.cancel()));
    call.on("end", () => resolve("OK"));
    call.on("error", (error: Error & { code?: number }) => resolve(nameOf(error)));
  });
}

export function nameOf(error: { readonly code?: number } | null): string {
  return error === null ? "OK" : (status[error.code ?? status.UNKNOWN] ?? "UNKNOWN");
}

/** The first thing a channel is told is its answer, or why there is none. */
function overWebChannel(rpc: string, message: object): Ask {
  return async (port, authorization) => {
    const options = { rpc, authorization: authorization ?? null };
    const channel = await RawChannel.open(port, [message], options);
    const held = await channel.hold();
    const messages = await held.take(1);
    held.hangUp();
    const told = messages.map(([, [payload]]) => payload).find((one) => one !== "noop");
    const { error } = told as { readonly error?: { readonly status: string } };
    return error?.status ?? "OK";
  };
}

const ADD_TARGET = {
  database: DATABASE,
  addTarget: { targetId: 1, documents: { documents: [NAME] } },
};

export const TRANSPORTS: Readonly<Record<string, Ask>> = {
  REST: rest,
  "gRPC unary": overGrpc(
    (client, metadata) =>
      new Promise((resolve) => {
        const request = { parent: ROOT, collectionId: "open" };
        client.ListDocuments(request, metadata, (error) => resolve(nameOf(error)));
      }),
  ),
  "gRPC server stream": overGrpc((client, metadata) =>
    firstAnswer(client.BatchGetDocuments({ database: DATABASE, documents: [NAME] }, metadata)),
  ),
  "gRPC Listen": overGrpc((client, metadata) => {
    const call = client.Listen(metadata);
    call.write(ADD_TARGET);
    return firstAnswer(call);
  }),
  "gRPC Write": overGrpc((client, metadata) => {
    const call = client.Write(metadata);
    call.write({ database: DATABASE });
    return firstAnswer(call);
  }),
  "WebChannel Listen": overWebChannel("Listen", ADD_TARGET),
  "WebChannel Write": overWebChannel("Write", { database: DATABASE }),
};
