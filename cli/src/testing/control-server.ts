/** The control API of one gateway of a cluster, as far as `bifrost cluster` asks it, over real HTTP. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ClusterDetails, ClusterMember, ClusterStatus } from "@bifrost/shared/api/cluster";
import type { KeyStep } from "../cluster/control-client.ts";

export const TOKEN = "token-of-the-control-api";

export interface ControlServer {
  readonly address: string;
  /** What it answers with; may be changed. */
  status: ClusterStatus & { details: ClusterDetails };
  /** What it takes; may be changed. */
  token: string;
  readonly steps: KeyStep[];
  /** So many steps are refused before one is done. */
  refusedSteps: number;
  /** Answers everything with this. */
  instead: { readonly status: number; readonly body: string } | null;
  stop(): Promise<void>;
}

export function memberNamed(nodeId: string, more: Partial<ClusterMember> = {}): ClusterMember {
  return {
    nodeId,
    address: `10.0.0.${nodeId.replace(/\D/g, "") || "1"}:10101`,
    region: "eu-1",
    host: "",
    control: "",
    version: "0.1.0",
    state: "alive",
    evidence: null,
    health: "healthy",
    incarnation: 1,
    since: "2026-01-01T00:00:00.000Z",
    load: null,
    ...more,
  };
}

export function statusOf(
  members: readonly ClusterMember[],
  more: Partial<ClusterDetails> = {},
): ControlServer["status"] {
  const healthy = members.filter(({ state, health }) => state === "alive" && health !== "sick");
  return {
    local_node: members[0]?.nodeId ?? "",
    members: members.length,
    healthy_members: healthy.length,
    cluster_health: healthy.length === members.length ? "HEALTHY" : "NOT HEALTHY",
    details: {
      problem: null,
      region: "eu-1",
      transport: "mesh",
      encrypted: true,
      members: [...members],
      discovery: [],
      keys: [{ id: 1, isPrimary: true, installedAt: members.map(({ nodeId }) => nodeId) }],
      config: {},
      counters: {},
      ...more,
    },
  };
}

export async function startControlServer(status: ControlServer["status"]): Promise<ControlServer> {
  const control: ControlServer = {
    address: "",
    status,
    token: TOKEN,
    steps: [],
    refusedSteps: 0,
    instead: null,
    stop: () => Promise.resolve(),
  };
  const server = createServer((request, response) => void handle(control, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(control, {
    address: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

async function handle(
  control: ControlServer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const isHolder = request.headers.authorization === `Bearer ${control.token}`;
  const { details, ...open } = control.status;
  if (control.instead !== null) {
    return void response.writeHead(control.instead.status).end(control.instead.body);
  }
  if (`${request.method} ${request.url}` === "GET /cluster/status") {
    return void response.end(JSON.stringify(isHolder ? { ...open, details } : open));
  }
  if (!isHolder) return refuse(response, 401, "unauthenticated");
  if (control.refusedSteps-- > 0) return refuse(response, 409, "not-ready");
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const step = JSON.parse(Buffer.concat(chunks).toString()) as KeyStep;
  control.steps.push(step);
  details.keys = changed(control, step);
  return void response.end(JSON.stringify({ done: step.step, id: step.id }));
}

function refuse(response: ServerResponse, status: number, code: string): void {
  const body = { type: "about:blank", title: code, code, status, detail: "said the gateway" };
  response.writeHead(status).end(JSON.stringify(body));
}

function changed({ status: { details } }: ControlServer, { step, id }: KeyStep) {
  const installedAt = details.members.map(({ nodeId }) => nodeId);
  if (step === "install") return [...details.keys, { id, isPrimary: false, installedAt }];
  if (step === "remove") return details.keys.filter((key) => key.id !== id);
  return details.keys.map((key) => ({ ...key, isPrimary: key.id === id }));
}
