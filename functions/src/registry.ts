/** Every deployable function: its name, who may call it and how it is made from the ports. */
import type { CallerCheck } from "./caller.ts";
import type { Ports } from "./ports.ts";
import type { Service } from "./service.ts";
import { type TransitionHandler, transitionService } from "./transition-call.ts";

export interface FunctionEntry {
  readonly name: string;
  /** Service accounts that may call it; null = any service of the platform; "public" = it checks callers itself. */
  readonly callers: readonly string[] | null | "public";
  /** Loads the handler's code; nothing of another function is loaded with it. */
  readonly create: (ports: Ports, callers: CallerCheck) => Promise<Service>;
}

/** A function that a workflow calls with ids. */
function transition(
  name: string,
  load: () => Promise<(ports: Ports) => TransitionHandler>,
): FunctionEntry {
  return {
    name,
    callers: ["workflows"],
    create: async (ports, callers) => transitionService((await load())(ports), callers),
  };
}

export const FUNCTIONS: readonly FunctionEntry[] = [
  {
    name: "api",
    callers: "public",
    create: async (ports) => (await import("./api/service.ts")).apiService(ports),
  },
  {
    name: "github-webhook",
    callers: "public",
    create: async (ports) =>
      (await import("./github-webhook/handler.ts")).githubWebhookService(ports),
  },
  {
    name: "issue-principal",
    callers: null,
    create: async (ports, callers) =>
      (await import("./issue-principal/handler.ts")).issuePrincipalService(ports, callers),
  },
  transition("validate", async () => (await import("./validate/handler.ts")).createValidate),
  transition("build", async () => (await import("./build/handler.ts")).createBuild),
  {
    name: "start-build",
    callers: ["pubsub"],
    create: async (ports, callers) => {
      const { buildRequestSchema, createStartBuild } = await import("./start-build/handler.ts");
      const { pushService } = await import("./push-message.ts");
      return pushService(buildRequestSchema, createStartBuild(ports), callers);
    },
  },
  {
    name: "finish-build",
    callers: ["workflows", "pubsub"],
    create: async (ports, callers) =>
      (await import("./finish-build/handler.ts")).finishBuildService(ports, callers),
  },
  transition("deploy", async () => (await import("./deploy/handler.ts")).createDeploy),
  transition("observe", async () => (await import("./observe/handler.ts")).createObserve),
  transition("verify", async () => (await import("./verify/handler.ts")).createVerify),
  transition("fail", async () => (await import("./fail/handler.ts")).createFail),
  transition("restore", async () => (await import("./restore/handler.ts")).createRestore),
  transition("retry", async () => (await import("./retry/handler.ts")).createRetry),
  {
    name: "append-logs",
    callers: ["pubsub"],
    create: async (ports, callers) => {
      const { logEntrySchema } = await import("./append-logs/decide-chunk.ts");
      const { createAppendLogs } = await import("./append-logs/handler.ts");
      const { pushService } = await import("./push-message.ts");
      return pushService(logEntrySchema, createAppendLogs(ports), callers);
    },
  },
  {
    name: "publish-events",
    callers: ["eventarc"],
    create: async (ports, callers) =>
      (await import("./publish-events/handler.ts")).publishEventsService(ports, callers),
  },
  {
    name: "reap",
    callers: ["scheduler"],
    create: async (ports, callers) => {
      const { requireCaller } = await import("./caller.ts");
      const { createReap } = await import("./reap/handler.ts");
      const { json } = await import("./service.ts");
      const reap = createReap(ports);
      return async (request) => {
        await requireCaller(request, callers);
        await request.body?.cancel();
        return json(await reap());
      };
    },
  },
];
