/** The gRPC side: `Executions` in full, `Workflows` for reading; every other method is UNIMPLEMENTED by its name. */
import { createRequire } from "node:module";
import path from "node:path";
import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";
import { isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Execution, Executions, Workflow } from "./executions.ts";
import { listPage } from "./list-page.ts";
import type { Place } from "./resource-name.ts";
import { executionIdOf, workflowIdOf } from "./resource-name.ts";

export interface GrpcServiceOptions extends Place {
  readonly executions: Executions;
  readonly workflows: ReadonlyMap<string, Workflow>;
}

type Fields = Readonly<Record<string, unknown>>;
type Handler = (request: Fields) => Fields | Promise<Fields>;

const EXECUTIONS = "google.cloud.workflows.executions.v1.Executions";
const WORKFLOWS = "google.cloud.workflows.v1.Workflows";
const LOAD_OPTIONS = { longs: String, enums: String, defaults: true, oneofs: true } as const;

export function createGrpcServer(options: GrpcServiceOptions): grpc.Server {
  const server = new grpc.Server();
  const { executions, workflows } = loadDefinitions();
  server.addService(executions, implement(executions, executionsHandlers(options)));
  server.addService(workflows, implement(workflows, workflowsHandlers(options)));
  return server;
}

function loadDefinitions(): {
  executions: protoLoader.ServiceDefinition;
  workflows: protoLoader.ServiceDefinition;
} {
  const require = createRequire(import.meta.url);
  const clientEntry = require.resolve("@google-cloud/workflows");
  const protos = path.join(path.dirname(clientEntry), "..", "protos");
  const json = require("@google-cloud/workflows/build/protos/protos.json") as Parameters<
    typeof protoLoader.fromJSON
  >[0];
  // The client ships no JSON of the second service, only its .proto file; its imports come with google-gax.
  const gaxEntry = createRequire(clientEntry).resolve("google-gax");
  const gaxProtos = path.join(path.dirname(gaxEntry), "..", "protos");
  const files = protoLoader.loadSync("google/cloud/workflows/v1/workflows.proto", {
    ...LOAD_OPTIONS,
    includeDirs: [protos, gaxProtos],
  });
  return {
    executions: protoLoader.fromJSON(json, LOAD_OPTIONS)[
      EXECUTIONS
    ] as protoLoader.ServiceDefinition,
    workflows: files[WORKFLOWS] as protoLoader.ServiceDefinition,
  };
}

function implement(
  definition: protoLoader.ServiceDefinition,
  handlers: Readonly<Record<string, Handler>>,
): grpc.UntypedServiceImplementation {
  const implementation: grpc.UntypedServiceImplementation = {};
  for (const [method, { path: fullName }] of Object.entries(definition)) {
    const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
    implementation[method] = (
      call: grpc.ServerUnaryCall<Fields, Fields>,
      callback: grpc.sendUnaryData<Fields>,
    ): void => {
      void answer(call.request, fullName, handler, callback);
    };
  }
  return implementation;
}

async function answer(
  request: Fields,
  fullName: string,
  handler: Handler | undefined,
  callback: grpc.sendUnaryData<Fields>,
): Promise<void> {
  try {
    if (handler === undefined) {
      throw status(grpc.status.UNIMPLEMENTED, `${fullName} is not available here`);
    }
    callback(null, await handler(request));
  } catch (error) {
    callback(asStatus(error));
  }
}

function executionsHandlers(options: GrpcServiceOptions): Readonly<Record<string, Handler>> {
  const { executions } = options;
  return {
    CreateExecution(request) {
      const workflowId = requireWorkflow(text(request["parent"]), options);
      const given = (request["execution"] ?? {}) as Fields;
      const labels = (given["labels"] ?? {}) as Readonly<Record<string, string>>;
      return toMessage(executions.start(workflowId, text(given["argument"]), labels), true);
    },
    GetExecution(request) {
      const { workflowId, executionId } = requireExecution(text(request["name"]), options);
      const found = executions.get(workflowId, executionId);
      if (found === undefined) {
        throw status(grpc.status.NOT_FOUND, `${text(request["name"])} does not exist`);
      }
      return toMessage(found, request["view"] !== "BASIC");
    },
    ListExecutions(request) {
      if (text(request["filter"]) !== "" || text(request["orderBy"]) !== "") {
        const message = "ListExecutions: filter and order_by are not available";
        throw status(grpc.status.UNIMPLEMENTED, message);
      }
      const workflowId = requireWorkflow(text(request["parent"]), options);
      const page = listPage(executions.list(workflowId), pageOf(request));
      const isFull = request["view"] === "FULL";
      return {
        executions: page.items.map((item) => toMessage(item, isFull)),
        nextPageToken: page.nextPageToken,
      };
    },
    async CancelExecution(request) {
      const { workflowId, executionId } = requireExecution(text(request["name"]), options);
      return toMessage(await executions.cancel(workflowId, executionId), true);
    },
  };
}

function workflowsHandlers(options: GrpcServiceOptions): Readonly<Record<string, Handler>> {
  const parent = `projects/${options.projectId}/locations/${options.location}`;
  const describe = (workflow: Workflow): Fields => ({
    name: `${parent}/workflows/${workflow.workflowId}`,
    state: "ACTIVE",
    revisionId: workflow.revisionId,
    createTime: timestamp(workflow.createdAt),
    updateTime: timestamp(workflow.createdAt),
    revisionCreateTime: timestamp(workflow.createdAt),
    serviceAccount: workflow.serviceAccount,
    sourceContents: workflow.source,
  });
  return {
    GetWorkflow(request) {
      const workflow = options.workflows.get(requireWorkflow(text(request["name"]), options));
      if (workflow === undefined) {
        throw status(grpc.status.NOT_FOUND, `${text(request["name"])} does not exist`);
      }
      return describe(workflow);
    },
    ListWorkflows(request) {
      if (text(request["parent"]) !== parent) {
        throw status(grpc.status.NOT_FOUND, `${text(request["parent"])} is not served here`);
      }
      const page = listPage([...options.workflows.values()], pageOf(request));
      return { workflows: page.items.map(describe), nextPageToken: page.nextPageToken };
    },
  };
}

function toMessage(execution: Execution, isFull: boolean): Fields {
  const { endedAt, error } = execution;
  const basic = {
    name: execution.name,
    startTime: timestamp(execution.startedAt),
    ...(endedAt === undefined
      ? {}
      : { endTime: timestamp(endedAt), duration: timestamp(endedAt - execution.startedAt) }),
    state: execution.state,
    workflowRevisionId: execution.revisionId,
    labels: execution.labels,
  };
  if (!isFull) return basic;
  const { routine, step } = execution.currentStep;
  return {
    ...basic,
    argument: execution.argument,
    status: { currentSteps: endedAt === undefined && step !== "" ? [{ routine, step }] : [] },
    ...(execution.result === undefined ? {} : { result: execution.result }),
    ...(error === undefined
      ? {}
      : {
          error: {
            payload: error.payload,
            context: error.context,
            stackTrace: {
              elements: error.stackTrace.map((frame) => ({
                step: frame.step,
                routine: frame.routine,
                position: { line: frame.line },
              })),
            },
          },
        }),
  };
}

function requireWorkflow(name: string, place: Place): string {
  const workflowId = workflowIdOf(name, place);
  if (workflowId !== undefined) return workflowId;
  throw status(grpc.status.NOT_FOUND, `${name} is not a workflow of this project and location`);
}

function requireExecution(
  name: string,
  place: Place,
): { readonly workflowId: string; readonly executionId: string } {
  const found = executionIdOf(name, place);
  if (found !== undefined) return found;
  throw status(grpc.status.NOT_FOUND, `${name} is not an execution of this project and location`);
}

function pageOf(request: Fields): { pageSize: number; pageToken: string } {
  return { pageSize: Number(request["pageSize"] ?? 0), pageToken: text(request["pageToken"]) };
}

function timestamp(ms: number): Fields {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1_000_000) };
}

function text(field: unknown): string {
  return typeof field === "string" ? field : "";
}

function status(code: grpc.status, details: string): Partial<grpc.StatusObject> & Error {
  return Object.assign(new Error(details), { code, details });
}

function asStatus(error: unknown): Partial<grpc.StatusObject> {
  if (isBifrostError(error)) {
    const code =
      error.code === "not-found"
        ? grpc.status.NOT_FOUND
        : error.code === "precondition-failed"
          ? grpc.status.FAILED_PRECONDITION
          : grpc.status.INVALID_ARGUMENT;
    return { code, details: error.message };
  }
  if (error instanceof Error && "code" in error) return error as Partial<grpc.StatusObject>;
  return { code: grpc.status.INTERNAL, details: messageOf(error) };
}
