/** `bifrost canary`: a release gets a share of the traffic of the project's own host. */
import type { RouteBody, RouteView } from "@bifrost/shared/api/routes";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { CommandContext } from "../context.ts";
import { decideCanary } from "../decide-canary.ts";
import { EXIT } from "../exit-code.ts";
import { bodyOf, parseStickiness, targetWords } from "../route-shares.ts";
import type { CommandSpec } from "./command.ts";

export const canary: CommandSpec = {
  usage: "canary <deployment> [percent]",
  description:
    "give a deployment a share of the traffic; `canary end` serves the live release again, `canary hold` keeps the present one live while others are deployed",
  example: "bifrost canary 13 10",
  options: [
    [
      "--sticky <what>",
      "what keeps a visitor on one release: address, cookie:<name>, header:<name>",
    ],
  ],
  async run(context, [key = "", percent], options) {
    const { route, projectId } = await ownRoute(context);
    const targets = await targetsFor(context, route, key, percent);
    const { sticky } = options;
    const body: RouteBody = {
      ...bodyOf(route),
      targets: [...targets],
      ...(typeof sticky === "string" ? { stickiness: parseStickiness(sticky) } : {}),
    };
    const next = await context.client.setRoute(projectId, route.host, body, route.version);
    context.output.data(next);
    context.output.line(`${next.host} serves ${targetWords(next.targets)}`);
    return EXIT.ok;
  },
};

async function ownRoute(context: CommandContext): Promise<{ route: RouteView; projectId: string }> {
  const key = context.projectKey();
  const route = (await context.client.routes(key)).find(({ kind }) => kind === "own");
  if (route !== undefined) return { route, projectId: key };
  throw new BifrostError("not-found", `${key} has no host of its own`, { project: key });
}

async function targetsFor(
  context: CommandContext,
  route: RouteView,
  key: string,
  percent: string | undefined,
): Promise<NonNullable<RouteBody["targets"]>> {
  if (key === "end") return [];
  const { id: projectId, liveDeploymentId, slug } = await context.project();
  if (key === "hold") {
    if (liveDeploymentId !== null) return [{ deployment: liveDeploymentId }];
    throw new BifrostError("bad-request", `${slug} has no live release to hold yet`);
  }
  const share = /^(\d{1,3})%?$/.exec(percent ?? "")?.[1];
  if (share === undefined || Number(share) > 100) {
    throw new BifrostError(
      "bad-request",
      `${percent ?? "no share"}: name one from 0 to 100, as in \`bifrost canary ${key} 10\``,
    );
  }
  const deployment = await context.deployment(key);
  const recent = await context.client.deployments(projectId, { limit: 100 });
  return [
    ...decideCanary({
      targets: route.targets,
      canary: deployment,
      percent: Number(share),
      liveId: liveDeploymentId,
      running: recent.filter(({ state, retiredAt }) => state === "healthy" && retiredAt === null),
    }),
  ];
}
