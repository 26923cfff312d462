/** The API server's HTTP side: token, discovery, verbs, watches and pod logs over plain loopback HTTP. */
import { timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Logger } from "@bifrost/shared/ports/logger";
import { parse } from "yaml";
import { groupVersionOf, POD } from "../objects/kinds.ts";
import type { KubeObject } from "../objects/object.ts";
import { isRecord } from "../objects/object.ts";
import { parseFieldSelector, parseLabelSelector } from "../objects/selectors.ts";
import { ApiError } from "./api-error.ts";
import { discoveryAnswer } from "./discovery.ts";
import type { ObjectStore } from "./object-store.ts";
import { parseResourcePath } from "./request-path.ts";
import type { ResourcePath } from "./request-path.ts";
import type { DeleteOptions, Resources, Target, WriteOptions } from "./resources.ts";
import { streamWatch } from "./watch-stream.ts";
import type { Selection } from "./watch-stream.ts";

export interface LogRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string | undefined;
  readonly previous: boolean;
  readonly tailLines: number | undefined;
}

export interface ApiServerParts {
  readonly store: ObjectStore;
  readonly resources: Resources;
  readonly token: string;
  readonly log: Logger;
  /** Text of a container's log; undefined when there is no such container or log. */
  readLog(request: LogRequest): string | undefined;
}

const MAX_BODY_BYTES = 3 * 1024 ** 2;
const APPLY_TYPE = "application/apply-patch+yaml";
const MERGE_TYPE = "application/merge-patch+json";

export class ApiServer {
  readonly server: Server;
  readonly #parts: ApiServerParts;
  readonly #watches = new Set<() => void>();

  constructor(parts: ApiServerParts) {
    this.#parts = parts;
    this.server = createServer((request, response) => {
      void this.#answer(request, response);
    });
    // Watches stay open for as long as their client likes.
    this.server.requestTimeout = 0;
  }

  get watchCount(): number {
    return this.#watches.size;
  }

  async close(): Promise<void> {
    for (const end of this.#watches) end();
    await new Promise((resolve) => {
      this.server.close(resolve);
      this.server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      this.#authenticate(request);
      await this.#route(request, response);
    } catch (error) {
      const known = error instanceof ApiError;
      if (!known) this.#parts.log.error("kubernetes api call failed", { error: String(error) });
      const answer = known ? error : new ApiError("InternalError", "internal error; see the log");
      if (response.headersSent) response.destroy();
      else sendJson(response, answer.code, answer.toStatus());
    }
  }

  #authenticate(request: IncomingMessage): void {
    const expected = Buffer.from(`Bearer ${this.#parts.token}`);
    const given = Buffer.from(request.headers.authorization ?? "");
    if (given.length === expected.length && timingSafeEqual(given, expected)) return;
    throw new ApiError("Unauthorized", "Unauthorized");
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://kubernetes");
    const known = discoveryAnswer(url.pathname);
    if (known !== undefined) return sendJson(response, 200, known);
    if (!/^\/apis?\//.test(url.pathname)) {
      throw new ApiError("NotFound", `no ${url.pathname} in this stand-in`);
    }
    const path = parseResourcePath(url.pathname);
    const query = url.searchParams;
    const body = request.method === "GET" ? undefined : await readBody(request);
    if (path.name === undefined) return this.#collection(request, response, path, query, body);
    const target: Target = { ...path, name: path.name };
    return this.#item(request, response, target, query, body);
  }

  #collection(
    request: IncomingMessage,
    response: ServerResponse,
    path: ResourcePath,
    query: URLSearchParams,
    body: unknown,
  ): void {
    const { store, resources } = this.#parts;
    const { kind, namespace } = path;
    const selection = selectionOf(path, query);
    const matching = (): readonly KubeObject[] =>
      store.list(kind, namespace).filter((object) => selection.matches(object));
    switch (request.method ?? "") {
      case "GET":
        if (isTrue(query.get("watch"))) return this.#watch(selection, query, response);
        return sendJson(response, 200, {
          kind: `${kind.kind}List`,
          apiVersion: groupVersionOf(kind),
          metadata: { resourceVersion: String(store.version) },
          items: matching(),
        });
      case "POST": {
        if (kind.namespaced && namespace === undefined) {
          throw new ApiError("MethodNotAllowed", "create needs a namespace in the path");
        }
        const written = resources.create(kind, namespace, body, writeOptions(request, query));
        return sendJson(response, 201, written.object);
      }
      case "DELETE": {
        const options = deleteOptions(query, body);
        const items = matching().map((object) =>
          resources.delete(
            {
              kind,
              namespace: object.metadata.namespace,
              name: object.metadata.name,
              subresource: undefined,
            },
            options,
          ),
        );
        return sendJson(response, 200, {
          kind: `${kind.kind}List`,
          apiVersion: groupVersionOf(kind),
          metadata: { resourceVersion: String(store.version) },
          items,
        });
      }
      default:
        throw new ApiError(
          "MethodNotAllowed",
          `${request.method} is not allowed on ${kind.plural}`,
        );
    }
  }

  #item(
    request: IncomingMessage,
    response: ServerResponse,
    target: Target,
    query: URLSearchParams,
    body: unknown,
  ): void {
    const { resources } = this.#parts;
    if (target.subresource === "log") return this.#log(target, query, response);
    switch (request.method ?? "") {
      case "GET":
        if (isTrue(query.get("watch"))) {
          query.set("fieldSelector", `metadata.name=${target.name}`);
          return this.#watch(selectionOf(target, query), query, response);
        }
        return sendJson(response, 200, resources.read(target));
      case "PUT": {
        const written = resources.replace(target, body, writeOptions(request, query));
        return sendJson(response, 200, written.object);
      }
      case "PATCH": {
        const written = this.#patch(request, target, query, body);
        return sendJson(response, written.created ? 201 : 200, written.object);
      }
      case "DELETE":
        return sendJson(response, 200, resources.delete(target, deleteOptions(query, body)));
      default:
        throw new ApiError("MethodNotAllowed", `${request.method} is not allowed here`);
    }
  }

  #patch(request: IncomingMessage, target: Target, query: URLSearchParams, body: unknown) {
    const type = (request.headers["content-type"] ?? "").split(";")[0]?.trim() ?? "";
    const { resources } = this.#parts;
    if (type === APPLY_TYPE) {
      if (query.get("fieldManager") === null) {
        throw new ApiError("BadRequest", "fieldManager is required for apply patch");
      }
      return resources.apply(target, body, writeOptions(request, query));
    }
    if (type === MERGE_TYPE) {
      return resources.mergePatch(target, body, writeOptions(request, query));
    }
    throw new ApiError(
      "UnsupportedMediaType",
      `patch type ${type} is not supported here: ${APPLY_TYPE} and ${MERGE_TYPE} are`,
    );
  }

  #watch(selection: Selection, query: URLSearchParams, response: ServerResponse): void {
    const end = streamWatch(this.#parts.store, selection, query.get("resourceVersion"), response);
    this.#watches.add(end);
    const seconds = Number(query.get("timeoutSeconds") ?? 0);
    const timer = seconds > 0 ? setTimeout(end, seconds * 1000).unref() : undefined;
    response.on("close", () => {
      clearTimeout(timer);
      this.#watches.delete(end);
    });
  }

  #log(target: Target, query: URLSearchParams, response: ServerResponse): void {
    this.#parts.resources.read({ ...target, kind: POD });
    if (isTrue(query.get("follow"))) {
      throw new ApiError("NotImplemented", "following a log is not supported by this stand-in");
    }
    const tail = query.get("tailLines");
    const container = query.get("container") ?? undefined;
    const text = this.#parts.readLog({
      namespace: target.namespace ?? "",
      pod: target.name,
      container,
      previous: isTrue(query.get("previous")),
      tailLines: tail === null ? undefined : Number(tail),
    });
    if (text === undefined) {
      throw new ApiError(
        "BadRequest",
        `no log of container ${container ?? "(first)"} in pod ${target.name}`,
      );
    }
    response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
    response.end(text);
  }
}

function selectionOf(path: ResourcePath, query: URLSearchParams): Selection {
  const labels = parseLabelSelector(query.get("labelSelector") ?? "");
  if (labels === undefined) {
    throw new ApiError(
      "BadRequest",
      `unable to parse label selector: ${query.get("labelSelector")}`,
    );
  }
  const fields = parseFieldSelector(query.get("fieldSelector") ?? "");
  if (typeof fields !== "function") {
    throw new ApiError("BadRequest", `field label not supported: ${fields.unsupported}`);
  }
  return {
    kind: path.kind,
    namespace: path.namespace,
    matches: (object) => labels(object.metadata.labels ?? {}) && fields(object),
  };
}

function writeOptions(request: IncomingMessage, query: URLSearchParams): WriteOptions {
  const agent = (request.headers["user-agent"] ?? "unknown").split("/")[0] ?? "unknown";
  return {
    manager: query.get("fieldManager") ?? agent,
    force: isTrue(query.get("force")),
    dryRun: query.get("dryRun") === "All",
  };
}

function deleteOptions(query: URLSearchParams, body: unknown): DeleteOptions {
  const given = isRecord(body) ? body : {};
  const propagation = query.get("propagationPolicy") ?? given["propagationPolicy"] ?? "Background";
  if (propagation !== "Background" && propagation !== "Foreground" && propagation !== "Orphan") {
    throw new ApiError("BadRequest", `unknown propagationPolicy ${JSON.stringify(propagation)}`);
  }
  const grace = query.get("gracePeriodSeconds") ?? given["gracePeriodSeconds"];
  const dryRun = given["dryRun"];
  return {
    propagation,
    graceSeconds: grace === undefined || grace === null ? undefined : Number(grace),
    dryRun: query.get("dryRun") === "All" || (Array.isArray(dryRun) && dryRun.includes("All")),
  };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) {
      throw new ApiError(
        "RequestEntityTooLarge",
        `the body is larger than ${MAX_BODY_BYTES} bytes`,
      );
    }
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  if (text === "") return undefined;
  const type = request.headers["content-type"] ?? "";
  try {
    // JSON first: a YAML parser takes far longer for the same document.
    return text.startsWith("{") || !type.includes("yaml") ? JSON.parse(text) : parse(text);
  } catch (error) {
    throw new ApiError("BadRequest", `the body cannot be parsed: ${String(error)}`);
  }
}

function isTrue(value: string | null): boolean {
  return value === "true" || value === "1";
}

function sendJson(response: ServerResponse, code: number, value: unknown): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}
