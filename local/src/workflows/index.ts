/**
 * Cloud Workflows, embedded: runs the production workflow files and serves `Executions` and `Workflows` over gRPC
 * and callback deliveries over HTTP on one port. After a restart unfinished executions run again from their first
 * step (they carry ids only, state lives in Firestore, and functions are idempotent); finished ones are NOT_FOUND.
 */
import { createHash, randomUUID } from "node:crypto";
import { ServerCredentials } from "@grpc/grpc-js";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { RunningStandIn, StandInOptions } from "../stand-in.ts";
import { CallbackEndpoints } from "./callback-endpoints.ts";
import { createCallbackServer } from "./callback-server.ts";
import { describeProblem, readDefinition } from "./definition.ts";
import { ExecutionJournal } from "./execution-journal.ts";
import type { Workflow } from "./executions.ts";
import { Executions } from "./executions.ts";
import { createGrpcServer } from "./grpc-service.ts";
import { HttpClient } from "./http-client.ts";
import { guardStreams } from "../serving/guard-streams.ts";
import { openSharedPort } from "../serving/shared-port.ts";

export interface WorkflowDefinition {
  /** YAML text of the workflow. */
  readonly source: string;
  /** E-mail of the identity whose tokens the workflow's calls carry. */
  readonly serviceAccount: string;
}

export interface WorkflowsOptions extends StandInOptions {
  readonly projectId: string;
  readonly location: string;
  /** By workflow id; each is validated before the stand-in starts. */
  readonly definitions: Readonly<Record<string, WorkflowDefinition>>;
  /** User environment variables, read with `sys.get_env`. */
  readonly env: Readonly<Record<string, string>>;
  /** Mints an OIDC identity token; called for each `http.*` call with `auth`, so it should cache. */
  idToken(audience: string, serviceAccount: string): Promise<string>;
  /** Rejects when a bearer token may not deliver callbacks; absent = deliveries need no token. */
  readonly verifyIdToken?: (token: string) => Promise<unknown>;
  /** Ids of executions and callbacks; random UUIDs by default. */
  readonly newId?: () => string;
}

export interface RunningWorkflows extends RunningStandIn {
  readonly product: "workflows";
  /** The engine itself, for callers in the same process. */
  readonly executions: Executions;
  /** Takes up what an earlier process left unfinished; called once everything the workflows call answers. */
  resume(): void;
}

/** @throws BifrostError `bad-request` listing every problem of every definition; `port-taken`. */
export async function startWorkflows(options: WorkflowsOptions): Promise<RunningWorkflows> {
  const { timers, log, projectId, location } = options;
  const workflows = readWorkflows(options);
  let port = options.port ?? 0;
  const callbacks = new CallbackEndpoints(timers, () => `http://127.0.0.1:${port}`);
  const http = new HttpClient(timers);
  const executions = new Executions({
    projectId,
    location,
    env: options.env,
    workflows,
    journal: options.dataDir === undefined ? null : new ExecutionJournal(options.dataDir),
    services: {
      timers,
      log,
      http,
      callbacks,
      newId: options.newId ?? randomUUID,
      idToken: (audience, serviceAccount) => options.idToken(audience, serviceAccount),
    },
  });
  const grpcServer = createGrpcServer({ executions, workflows, projectId, location });
  const { verifyIdToken } = options;
  const httpServer = createCallbackServer({ callbacks, clock: timers, log, verifyIdToken });
  const injector = grpcServer.createConnectionInjector(ServerCredentials.createInsecure());
  guardStreams(grpcServer);
  const listening = await openSharedPort({
    port,
    toGrpc: (socket) => injector.injectConnection(socket),
    http: httpServer,
  });
  port = listening.port;
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await executions.stop();
    http.close();
    grpcServer.forceShutdown();
    await listening.close();
  };
  return {
    product: "workflows",
    host: "127.0.0.1",
    port,
    executions,
    resume() {
      const resumed = executions.resume();
      if (resumed > 0) log.info("workflow executions taken up again", { resumed });
    },
    info: () => ({
      workflows: [...workflows.keys()],
      ...executions.counts,
      callbacks: callbacks.size,
    }),
    stop: () => (stopping ??= stop()),
  };
}

function readWorkflows(options: WorkflowsOptions): Map<string, Workflow> {
  const workflows = new Map<string, Workflow>();
  const problems: string[] = [];
  for (const [workflowId, { source, serviceAccount }] of Object.entries(options.definitions)) {
    const result = readDefinition(source);
    if (!result.ok) {
      problems.push(
        ...result.problems.map((problem) => `${workflowId}: ${describeProblem(problem)}`),
      );
      continue;
    }
    const digest = createHash("sha256").update(source).digest("hex").slice(0, 3);
    workflows.set(workflowId, {
      workflowId,
      source,
      serviceAccount,
      program: result.program,
      revisionId: `000001-${digest}`,
      createdAt: options.timers.now(),
    });
  }
  if (problems.length === 0) return workflows;
  const message = `workflow definitions are refused:\n${problems.join("\n")}`;
  throw new BifrostError("bad-request", message, { problems });
}
