/** Every way to write to the store, over real connections: what each of them answers to the same writes. */
import { Agent, request as httpRequest } from "node:http";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import {
  type JsonMethod,
  loadFirestoreMethods,
} from "../../../local/src/firestore/grpc/firestore-proto.ts";
import { STATUS_NAMES } from "../../../local/src/firestore/rpc-error.ts";
import { DATABASE, ROOT, type WireWrite } from "./writes.ts";

/** `OK`, or the name of the status that refused. */
export type Outcome = string;

export interface Way {
  readonly name: string;
  write(to: Connections, token: string | null, writes: readonly WireWrite[]): Promise<Outcome>;
}

type Json = Readonly<Record<string, unknown>>;

const COMMIT = `${ROOT}:commit`;

interface Answer {
  readonly outcome: Outcome;
  readonly body: Json;
}

/** Connections to one store, kept until they are closed. */
export class Connections {
  readonly #address: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 });
  readonly #client: Client;
  readonly #methods = loadFirestoreMethods();

  constructor(address: string) {
    this.#address = address;
    this.#client = new Client(address, credentials.createInsecure());
  }

  close(): void {
    this.#agent.destroy();
    this.#client.close();
  }

  rest(method: string, path: string, token: string | null, body: object): Promise<Answer> {
    const [host, port] = this.#address.split(":");
    const text = JSON.stringify(body);
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    };
    return new Promise((resolve, reject) => {
      const options = { host, port, method, path: `/v1/${path}`, agent: this.#agent, headers };
      const call = httpRequest(options, (response) => {
        let answer = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (answer += chunk));
        response.once("error", reject);
        response.once("end", () => resolve(readAnswer(JSON.parse(answer) as Json)));
      });
      call.once("error", reject);
      call.end(text);
    });
  }

  grpc(name: string, token: string | null, request: object): Promise<Answer> {
    const method = this.#method(name);
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        { ...request },
        bearing(token),
        (error, body) => resolve({ outcome: outcomeOf(error), body: { ...body } }),
      );
    });
  }

  /** Opens a Write stream, sends one commit on it and closes it. */
  writeStream(token: string | null, writes: readonly WireWrite[]): Promise<Outcome> {
    const method = this.#method("Write");
    const stream = this.#client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      bearing(token),
    );
    return new Promise((resolve) => {
      stream.once("error", (error: ServiceError) => resolve(outcomeOf(error)));
      stream.on("data", (response: Json) => {
        const { streamToken, streamId } = response;
        if (streamId !== undefined && streamId !== "") stream.write({ streamToken, writes });
        else {
          resolve("OK");
          stream.end();
        }
      });
      stream.write({ database: DATABASE });
    });
  }

  #method(name: string): JsonMethod {
    const method = this.#methods.get(name);
    if (method === undefined) throw new Error(`Firestore has no method ${name}`);
    return method;
  }
}

function bearing(token: string | null): Metadata {
  const metadata = new Metadata();
  if (token !== null) metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}

function outcomeOf(error: ServiceError | null): Outcome {
  return error === null ? "OK" : (STATUS_NAMES[error.code] ?? `code ${error.code}`);
}

function readAnswer(body: Json): Answer {
  const error = body["error"] as { readonly status: string } | undefined;
  return { outcome: error?.status ?? "OK", body };
}

/** Ways that take a whole commit. */
export const COMMIT_WAYS: readonly Way[] = [
  {
    name: "REST commit",
    write: async (to, token, writes) => (await to.rest("POST", COMMIT, token, { writes })).outcome,
  },
  {
    name: "REST transaction",
    async write(to, token, writes) {
      const begun = await to.rest("POST", `${ROOT}:beginTransaction`, token, {});
      const transaction = transactionOf(begun);
      return (await to.rest("POST", COMMIT, token, { writes, transaction })).outcome;
    },
  },
  {
    name: "gRPC Commit",
    write: async (to, token, writes) =>
      (await to.grpc("Commit", token, { database: DATABASE, writes })).outcome,
  },
  {
    name: "gRPC transaction",
    async write(to, token, writes) {
      const database = DATABASE;
      const transaction = transactionOf(await to.grpc("BeginTransaction", token, { database }));
      return (await to.grpc("Commit", token, { database, writes, transaction })).outcome;
    },
  },
  {
    name: "gRPC Write stream",
    write: (to, token, writes) => to.writeStream(token, writes),
  },
];

/** Ways that write one document after the other: what one of them refuses, the next may allow. */
export const SINGLE_WAYS: readonly Way[] = [
  singly("REST :batchWrite", (to, token, write) =>
    to.rest("POST", `${ROOT}:batchWrite`, token, { writes: [write] }),
  ),
  singly("gRPC BatchWrite", (to, token, write) =>
    to.grpc("BatchWrite", token, { database: DATABASE, writes: [write] }),
  ),
  singly("REST PATCH, POST and DELETE", restAlone),
  singly("gRPC UpdateDocument, CreateDocument and DeleteDocument", grpcAlone),
];

/** Refused only if every one of the writes is. */
function singly(
  name: string,
  send: (to: Connections, token: string | null, write: WireWrite) => Promise<Answer>,
): Way {
  return {
    name,
    async write(to, token, writes) {
      const outcomes: Outcome[] = [];
      for (const write of writes) outcomes.push((await send(to, token, write)).outcome);
      return outcomes.find((outcome) => outcome !== "PERMISSION_DENIED") ?? "PERMISSION_DENIED";
    },
  };
}

function transactionOf({ outcome, body }: Answer): unknown {
  if (outcome !== "OK") throw new Error(`no transaction begins: ${outcome}`);
  return body["transaction"];
}

/** Creates where the document must not exist, else sets or merges. No server times: these calls know none. */
function restAlone(to: Connections, token: string | null, write: WireWrite): Promise<Answer> {
  if ("delete" in write) return to.rest("DELETE", write.delete, token, {});
  const { update, updateMask, currentDocument } = write;
  const { name, fields } = update;
  if (currentDocument === undefined) {
    const mask = (updateMask?.fieldPaths ?? []).map((path) => `updateMask.fieldPaths=${path}`);
    return to.rest("PATCH", `${name}?${mask.join("&")}`, token, { fields });
  }
  const slash = name.lastIndexOf("/");
  const place = `${name.slice(0, slash)}?documentId=${name.slice(slash + 1)}`;
  return to.rest("POST", place, token, { fields });
}

function grpcAlone(to: Connections, token: string | null, write: WireWrite): Promise<Answer> {
  if ("delete" in write) return to.grpc("DeleteDocument", token, { name: write.delete });
  const { update, updateMask, currentDocument } = write;
  if (currentDocument === undefined) {
    const mask = updateMask === undefined ? {} : { updateMask };
    return to.grpc("UpdateDocument", token, { document: update, ...mask });
  }
  const { name, fields } = update;
  const [documentId, collectionId, ...above] = name.split("/").toReversed();
  const parent = above.toReversed().join("/");
  return to.grpc("CreateDocument", token, {
    parent,
    collectionId,
    documentId,
    document: { fields },
  });
}
