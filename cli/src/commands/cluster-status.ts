/** `bifrost cluster status | nodes`: whether the gateways are one cluster, and how each of them is. */
import type { ClusterDetails, ClusterMember, ClusterStatus } from "@bifrost/shared/api/cluster";
import { isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import { formatDuration, systemTimers, type Timers } from "@bifrost/shared/domain/time";
import { tokenNeeded } from "../cluster/control-client.ts";
import { CONTROL_OPTIONS, findControl, firstAnswer } from "../cluster/find-control.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-code.ts";
import { onInterrupt } from "../interrupt.ts";
import { alignColumns, type Output, type Paint } from "../output.ts";
import type { CommandSpec } from "./command.ts";

const WATCH_MS = 1000;
const WATCH_OPTION = ["-w, --watch", "go on until Ctrl-C and show every change"] as const;
const MIB = 1024 * 1024;

export const clusterStatus: CommandSpec = {
  usage: "status",
  description: "show whether the gateways are one healthy cluster; ends with 9 when they are not",
  example: "bifrost cluster status --control http://127.0.0.1:9090",
  options: [...CONTROL_OPTIONS, WATCH_OPTION],
  run: (context, _args, options) =>
    show(context, options, (status) => describeStatus(status, context.output.paint)),
};

export const clusterNodes: CommandSpec = {
  usage: "nodes",
  description: "list the members with what each measures of itself; needs the control token",
  example: "bifrost cluster nodes --watch",
  options: [...CONTROL_OPTIONS, WATCH_OPTION],
  async run(context, _args, options) {
    const code = await show(context, options, (status) =>
      describeNodes(status, detailsOf(status), context.output.paint),
    );
    return code === EXIT.notHealthy ? EXIT.ok : code;
  },
};

/** Prints once, or each time that the text is another one; the JSON of both commands is the status itself. */
async function show(
  context: CommandContext,
  options: Readonly<Record<string, unknown>>,
  describe: (status: ClusterStatus) => readonly string[],
): Promise<number> {
  const { output, environment } = context;
  const { clients } = findControl(environment, options);
  const ask = () => firstAnswer(clients, (client) => client.status());
  if (options["watch"] !== true) {
    const status = await ask();
    const lines = describe(status);
    print(output, status, lines);
    return status.cluster_health === "HEALTHY" ? EXIT.ok : EXIT.notHealthy;
  }
  const signal = onInterrupt(() => {});
  return watchStatus({ output, ask, describe, signal });
}

export interface WatchOptions {
  readonly output: Output;
  readonly ask: () => Promise<ClusterStatus>;
  readonly describe: (status: ClusterStatus) => readonly string[];
  readonly signal: AbortSignal;
  readonly timers?: Timers;
}

export async function watchStatus(options: WatchOptions): Promise<number> {
  const { output, ask, describe, signal, timers = systemTimers } = options;
  let last = "";
  while (!signal.aborted) {
    const { status, lines } = await describedOr(ask, describe);
    const text = lines.join("\n");
    if (text !== last) print(output, status, [...lines, ""]);
    last = text;
    await timers.sleep(WATCH_MS, signal);
  }
  return EXIT.interrupted;
}

/** While it is watched, a gateway that is away is something to show. */
async function describedOr(
  ask: () => Promise<ClusterStatus>,
  describe: (status: ClusterStatus) => readonly string[],
): Promise<{ readonly status: ClusterStatus | null; readonly lines: readonly string[] }> {
  try {
    const status = await ask();
    return { status, lines: describe(status) };
  } catch (error) {
    if (!isBifrostError(error, "upstream-unavailable")) throw error;
    return { status: null, lines: [messageOf(error)] };
  }
}

function print(output: Output, status: ClusterStatus | null, lines: readonly string[]): void {
  output.data(status);
  for (const line of lines) output.line(line);
}

/** Throws where the token is missing or wrong. */
export function detailsOf({ details, local_node: node }: ClusterStatus): ClusterDetails {
  if (details !== undefined) return details;
  throw tokenNeeded(node);
}

export function describeStatus(status: ClusterStatus, paint: Paint): readonly string[] {
  const { cluster_health: health, members, healthy_members: healthy, details } = status;
  const word = health === "HEALTHY" ? paint.bold(health) : paint.red(health);
  const lines = [
    `${word}  ${healthy} of ${members} ${members === 1 ? "member" : "members"} healthy, as ${status.local_node} sees it`,
  ];
  if (details === undefined) return lines;
  const { region, transport, keys, encrypted, discovery, problem } = details;
  const sealing = keys.find(({ isPrimary }) => isPrimary);
  lines.push(
    ...alignColumns([
      ["  region", region === "" ? "none" : region],
      [
        "  gossip",
        `${transport}, ${encrypted ? `sealed with key ${sealing?.id ?? "?"}` : "not encrypted"}`,
      ],
      ...discovery.map(({ type, found, problem: trouble }) => [
        `  ${type}`,
        trouble === null ? `found ${found.length}: ${found.join(", ")}` : paint.red(trouble),
      ]),
      ...(problem === null ? [] : [["  problem", paint.red(problem)]]),
    ]),
  );
  const amiss = details.members.filter((member) => !isWell(member));
  lines.push(...amiss.map((member) => paint.red(`  ${member.nodeId}: ${stateWords(member)}`)));
  if (health !== "HEALTHY") lines.push("", "What to do: bifrost cluster diagnose");
  return lines;
}

function isWell({ state, health }: ClusterMember): boolean {
  return state === "left" || (state === "alive" && health !== "sick");
}

function stateWords({ state, health, evidence }: ClusterMember): string {
  if (evidence !== null) return `${state} (${evidence})`;
  return state === "alive" && health === "sick" ? "alive, sick" : state;
}

const HEADER = [
  "node",
  "state",
  "region",
  "address",
  "cpu",
  "memory",
  "loop",
  "req/s",
  "errors",
  "rtt",
  "loss",
  "for",
  "version",
];

export function describeNodes(
  { local_node: self }: ClusterStatus,
  { members }: ClusterDetails,
  paint: Paint,
  now = systemTimers.now(),
): readonly string[] {
  const links = members.find(({ nodeId }) => nodeId === self)?.load?.links ?? [];
  const rows = members.map((member) => {
    const { nodeId, region, address, load, since, version } = member;
    const link = links.find((one) => one.nodeId === nodeId);
    const state = stateWords(member);
    return [
      nodeId === self ? `${nodeId} *` : nodeId,
      isWell(member) ? state : paint.red(state),
      region === "" ? "-" : region,
      address,
      ...loadCells(load),
      link?.roundTripMs === undefined || link.roundTripMs === null
        ? "-"
        : `${link.roundTripMs.toFixed(1)} ms`,
      link === undefined ? "-" : percent(link.loss),
      formatDuration(Math.max(0, now - Date.parse(since))),
      version === "" ? "-" : version,
    ];
  });
  return [
    ...alignColumns([HEADER.map((cell) => paint.dim(cell)), ...rows]),
    "",
    paint.dim("* answers this; rtt and loss are as it sees them"),
  ];
}

function loadCells(load: ClusterMember["load"]): readonly string[] {
  if (load === null) return ["-", "-", "-", "-", "-"];
  const limit = load.memoryLimitBytes;
  const ofLimit = limit === 0 ? "" : ` (${percent(load.memoryBytes / limit)})`;
  return [
    percent(load.cpu),
    `${Math.round(load.memoryBytes / MIB)} MiB${ofLimit}`,
    `${load.eventLoopDelayMs.toFixed(0)} ms`,
    load.requestsPerSecond.toFixed(load.requestsPerSecond < 10 ? 1 : 0),
    percent(load.errorRate),
  ];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}
