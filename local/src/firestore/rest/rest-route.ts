/** REST paths of Firestore v1 and the RPC each one is. */
import { asRpcError, invalid, RpcError } from "../rpc-error.ts";
import { SERVER_STREAM_METHODS, UNARY_METHODS } from "../rpc/methods.ts";
import { isObject, type Json } from "../wire-json.ts";

export interface RestCall {
  /** RPC name, for example `Commit`. */
  readonly method: string;
  readonly request: Json;
  readonly isStream: boolean;
}

const PREFIX = "/v1/";
/** Segments of `projects/P/databases/D/documents`. */
const ROOT_SEGMENTS = 5;

const VERBS: Readonly<Record<string, string>> = {
  batchGet: "BatchGetDocuments",
  beginTransaction: "BeginTransaction",
  batchWrite: "BatchWrite",
  commit: "Commit",
  executePipeline: "ExecutePipeline",
  listCollectionIds: "ListCollectionIds",
  partitionQuery: "PartitionQuery",
  rollback: "Rollback",
  runAggregationQuery: "RunAggregationQuery",
  runQuery: "RunQuery",
};

/** Throws NOT_FOUND for a path that is none of Firestore's and UNIMPLEMENTED for what this server lacks. */
export function routeRest(httpMethod: string, url: string, readBody: () => unknown): RestCall {
  const question = url.indexOf("?");
  const path = question === -1 ? url : url.slice(0, question);
  const parameters = new URLSearchParams(question === -1 ? "" : url.slice(question + 1));
  const colon = path.indexOf(":", path.lastIndexOf("/"));
  const verb = colon === -1 ? "" : path.slice(colon + 1);
  const name = nameOf(colon === -1 ? path : path.slice(0, colon));
  if (verb !== "") return verbCall(httpMethod, verb, name, readBody);
  return documentCall(httpMethod, name, parameters, readBody);
}

function nameOf(path: string): string {
  const segments = path.startsWith(PREFIX) ? path.slice(PREFIX.length).split("/") : [];
  if (
    segments.length < ROOT_SEGMENTS ||
    segments[0] !== "projects" ||
    segments[2] !== "databases"
  ) {
    throw new RpcError("NOT_FOUND", `No such path: ${path.slice(0, 200)}`);
  }
  const decoded = segments.map(decodeSegment);
  if (decoded[4] !== "documents")
    throw new RpcError("NOT_FOUND", `No such path: ${path.slice(0, 200)}`);
  return decoded.join("/");
}

function decodeSegment(segment: string): string {
  const decoded = decodeOrFail(segment);
  if (decoded.includes("/")) throw invalid("An id in the path may not hold '/'.");
  return decoded;
}

function decodeOrFail(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    throw new RpcError("INVALID_ARGUMENT", "The path is not valid percent-encoding.", {
      cause: error,
    });
  }
}

function verbCall(
  httpMethod: string,
  verb: string,
  name: string,
  readBody: () => unknown,
): RestCall {
  const method = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (method === undefined)
    throw new RpcError("UNIMPLEMENTED", `REST method ":${verb.slice(0, 60)}"`);
  if (httpMethod !== "POST")
    throw new RpcError("UNIMPLEMENTED", `${httpMethod} :${verb}; use POST.`);
  const database = name.split("/").slice(0, 4).join("/");
  const request = { ...bodyObject(readBody), database, parent: name };
  return rpc(method, request);
}

function rpc(method: string, request: Json): RestCall {
  const isStream = Object.hasOwn(SERVER_STREAM_METHODS, method);
  if (!isStream && !Object.hasOwn(UNARY_METHODS, method)) {
    throw new RpcError(
      "UNIMPLEMENTED",
      `google.firestore.v1.Firestore/${method} is not supported.`,
    );
  }
  return { method, request, isStream };
}

function bodyObject(readBody: () => unknown): Json {
  const body = readBody();
  if (!isObject(body)) throw invalid("The body must be a JSON object.");
  return body;
}

function documentCall(
  httpMethod: string,
  name: string,
  parameters: URLSearchParams,
  readBody: () => unknown,
): RestCall {
  const segments = name.split("/").length;
  const isDocument = segments > ROOT_SEGMENTS && segments % 2 === 1;
  const mask = maskOf(parameters, "mask");
  const currentDocument = preconditionOf(parameters);
  const slash = name.lastIndexOf("/");
  const inCollection = { parent: name.slice(0, slash), collectionId: name.slice(slash + 1) };
  switch (`${httpMethod} ${isDocument ? "document" : "collection"}`) {
    case "GET document":
      return rpc("GetDocument", { name, ...mask, ...one(parameters, "transaction", "readTime") });
    case "PATCH document": {
      const document = { ...bodyObject(readBody), name };
      return rpc("UpdateDocument", {
        document,
        ...mask,
        ...maskOf(parameters, "updateMask"),
        ...currentDocument,
      });
    }
    case "DELETE document":
      return rpc("DeleteDocument", { name, ...currentDocument });
    case "GET collection":
      return rpc("ListDocuments", {
        ...inCollection,
        ...mask,
        ...one(parameters, "pageSize", "pageToken", "orderBy", "transaction", "readTime"),
        ...(parameters.get("showMissing") === "true" ? { showMissing: true } : {}),
      });
    case "POST collection":
      return rpc("CreateDocument", {
        ...inCollection,
        ...mask,
        ...one(parameters, "documentId"),
        document: bodyObject(readBody),
      });
    default:
      throw new RpcError("UNIMPLEMENTED", `${httpMethod} on this path is not supported.`);
  }
}

function one(parameters: URLSearchParams, ...names: string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = parameters.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
}

function maskOf(parameters: URLSearchParams, name: "mask" | "updateMask"): Json {
  const fieldPaths = parameters.getAll(`${name}.fieldPaths`);
  return fieldPaths.length === 0 ? {} : { [name]: { fieldPaths } };
}

function preconditionOf(parameters: URLSearchParams): Json {
  const exists = parameters.get("currentDocument.exists");
  const updateTime = parameters.get("currentDocument.updateTime");
  if (exists === null && updateTime === null) return {};
  return {
    currentDocument: {
      ...(exists === null ? {} : { exists: exists === "true" }),
      ...(updateTime === null ? {} : { updateTime }),
    },
  };
}

/** Google's JSON error body. */
export function errorBody(thrown: unknown): { status: number; body: object } {
  const error = asRpcError(thrown);
  const { httpStatus, message, status } = error;
  return { status: httpStatus, body: { error: { code: httpStatus, message, status } } };
}
