/** `google.devtools.cloudbuild.v1.CloudBuild` and its operations over gRPC; other methods are refused by name. */
import { createRequire } from "node:module";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Logger } from "@bifrost/shared/ports/logger";
import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";
import protobuf from "protobufjs";
import { isFinal, type BuildRecord } from "./build-record.ts";
import { wireBuild } from "./build-view.ts";
import type { Builds } from "./builds.ts";
import { GrpcError, invalid, unimplemented } from "./grpc-error.ts";
import { parseFilter } from "./list-filter.ts";

const PACKAGE = "google.devtools.cloudbuild.v1";
const MAX_PAGE = 1000;
const DEFAULT_PAGE = 50;

type Fields = Readonly<Record<string, unknown>>;
type Handler = (request: Fields) => Fields | Promise<Fields>;

interface Service {
  readonly builds: Builds;
  readonly projectId: string;
  readonly log: Logger;
  /** Wraps a message as google.protobuf.Any. */
  readonly any: (type: string, message: object) => Fields;
}

export function createGrpcServer(builds: Builds, projectId: string, log: Logger): grpc.Server {
  const json = createRequire(import.meta.url)(
    "@google-cloud/cloudbuild/build/protos/protos.json",
  ) as protobuf.INamespace;
  const definitions = protoLoader.fromJSON(json, {
    longs: String,
    enums: String,
    defaults: true,
    arrays: true,
  });
  const service: Service = { builds, projectId, log, any: anyEncoder(json) };
  const server = new grpc.Server();
  const add = (name: string, handlers: Readonly<Record<string, Handler>>) => {
    const definition = definitions[name] as protoLoader.ServiceDefinition;
    server.addService(definition, implement(service, definition, handlers));
  };
  add(`${PACKAGE}.CloudBuild`, buildHandlers(service));
  add("google.longrunning.Operations", operationHandlers(service));
  return server;
}

function buildHandlers(service: Service): Readonly<Record<string, Handler>> {
  const { builds } = service;
  return {
    async CreateBuild(request) {
      requireProject(service, request, "parent");
      return operationOf(service, await builds.create(request["build"]));
    },
    GetBuild: (request) => wireBuild(builds.get(buildId(service, request))) as Fields,
    CancelBuild: async (request) =>
      wireBuild(await builds.cancel(buildId(service, request))) as Fields,
    ListBuilds(request) {
      requireProject(service, request, "parent");
      return listBuilds(builds, request);
    },
  };
}

function operationHandlers(service: Service): Readonly<Record<string, Handler>> {
  return {
    GetOperation(request) {
      const name = text(request, "name");
      const encoded = name.split("/").at(-1) ?? "";
      const build = service.builds.get(Buffer.from(encoded, "base64url").toString("utf8"));
      return operationOf(service, build);
    },
  };
}

function listBuilds(builds: Builds, request: Fields): Fields {
  const matches = builds.list().filter(parseFilter(text(request, "filter")));
  const size = Math.min(Number(request["pageSize"]) || DEFAULT_PAGE, MAX_PAGE);
  const token = text(request, "pageToken");
  const start = token === "" ? 0 : matches.findIndex((build) => build.id === token);
  if (start < 0) throw invalid("pageToken is not one of this list");
  const next = matches[start + size];
  return {
    builds: matches.slice(start, start + size).map(wireBuild),
    nextPageToken: next?.id ?? "",
  };
}

function operationOf(service: Service, build: BuildRecord): Fields {
  const message = wireBuild(build);
  const id = Buffer.from(build.id).toString("base64url");
  return {
    name: `operations/build/${build.projectId}/${id}`,
    metadata: service.any(`${PACKAGE}.BuildOperationMetadata`, { build: message }),
    done: isFinal(build.status),
    ...outcomeOf(service, build, message),
  };
}

function outcomeOf(service: Service, build: BuildRecord, message: object): Fields {
  if (!isFinal(build.status)) return {};
  if (build.status === "SUCCESS") return { response: service.any(`${PACKAGE}.Build`, message) };
  const code = {
    CANCELLED: grpc.status.CANCELLED,
    TIMEOUT: grpc.status.DEADLINE_EXCEEDED,
    INTERNAL_ERROR: grpc.status.INTERNAL,
  }[build.status as string];
  const reason = `Build failed; ${build.status}: ${build.statusDetail}`;
  return {
    error: { code: code ?? grpc.status.FAILED_PRECONDITION, message: reason, details: [] },
  };
}

function anyEncoder(json: protobuf.INamespace): Service["any"] {
  const root = protobuf.Root.fromJSON(json);
  return (name, message) => {
    const type = root.lookupType(name);
    return {
      type_url: `type.googleapis.com/${name}`,
      value: Buffer.from(type.encode(type.fromObject(message)).finish()),
    };
  };
}

function buildId(service: Service, request: Fields): string {
  requireProject(service, request, "name");
  return text(request, "id") || (text(request, "name").split("/").at(-1) ?? "");
}

function requireProject(service: Service, request: Fields, pathField: string): void {
  const project = text(request, "projectId") || text(request, pathField).split("/")[1] || "";
  if (project === service.projectId) return;
  throw new GrpcError(
    grpc.status.PERMISSION_DENIED,
    `project "${project.slice(0, 64)}" is not ${service.projectId}, the project of this stand-in`,
  );
}

function text(request: Fields, field: string): string {
  const value = request[field];
  return typeof value === "string" ? value : "";
}

function implement(
  service: Service,
  definition: protoLoader.ServiceDefinition,
  handlers: Readonly<Record<string, Handler>>,
): grpc.UntypedServiceImplementation {
  const implementation: grpc.UntypedServiceImplementation = {};
  for (const method of Object.keys(definition)) {
    const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
    implementation[method] = (
      call: grpc.ServerUnaryCall<Fields, Fields>,
      callback: grpc.sendUnaryData<Fields>,
    ): void => {
      void answer(service, method, handler, call.request, callback);
    };
  }
  return implementation;
}

async function answer(
  service: Service,
  method: string,
  handler: Handler | undefined,
  request: Fields,
  callback: grpc.sendUnaryData<Fields>,
): Promise<void> {
  try {
    if (handler === undefined) throw unimplemented(method);
    callback(null, await handler(request));
  } catch (error) {
    const code = error instanceof GrpcError ? error.code : grpc.status.INTERNAL;
    const details = messageOf(error);
    if (code === grpc.status.INTERNAL)
      service.log.error("cloud build call failed", { method, details });
    callback({ name: "Error", message: details, code, details });
  }
}
