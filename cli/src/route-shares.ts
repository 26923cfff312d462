/** How shares of a route's traffic are written and read on the command line. */
import type { RouteBody, RouteView, TargetBody, TargetView } from "@bifrost/shared/api/routes";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { LIVE_TARGET } from "@bifrost/shared/domain/route";

/** `12`, `12=90`, `13:canary=10`, `live=90`, with a deployment's number or id. */
export function parseTarget(text: string): TargetBody {
  const [, deployment, name, weight] =
    /^#?([a-z0-9]+)(?::([a-z0-9-]+))?(?:=(\d{1,7}))?$/.exec(text) ?? [];
  if (deployment === undefined) {
    throw new BifrostError(
      "bad-request",
      `--target ${text}: write <deployment>[:<name>][=<weight>], such as 12=90 or 13:canary=10; the deployment by number, by id, or \`live\``,
    );
  }
  return {
    deployment: /^\d+$/.test(deployment) ? Number(deployment) : deployment,
    ...(weight === undefined ? {} : { weight: Number(weight) }),
    ...(name === undefined ? {} : { name }),
  };
}

/** `address`, `cookie:<name>` or `header:<name>`. */
export function parseStickiness(text: string): RouteView["stickiness"] {
  if (text === "address") return { by: "address" };
  const [, by, name] = /^(cookie|header):(\S+)$/.exec(text) ?? [];
  if ((by === "cookie" || by === "header") && name !== undefined) return { by, name };
  throw new BifrostError(
    "bad-request",
    `--sticky ${text}: write address, cookie:<name> or header:<name>`,
  );
}

export function targetWords(targets: readonly TargetView[]): string {
  if (targets.length === 0) return "the live release";
  const total = targets.reduce((sum, { weight }) => sum + weight, 0);
  return targets
    .map(({ deployment, number, weight, name }) => {
      const share = Math.round((weight / total) * 1000) / 10;
      const what = deployment === LIVE_TARGET ? LIVE_TARGET : (number ?? deployment);
      return `${what}${name === null ? "" : ` (${name})`} ${share} %`;
    })
    .join(", ");
}

/** A route as it is, ready to be changed in part and set again. */
export function bodyOf(view: RouteView): RouteBody {
  const { stickiness, redirect, policies } = view;
  return {
    targets: view.targets.map(targetBodyOf),
    stickiness,
    redirect: redirect as RouteBody["redirect"],
    paths: view.paths.map(({ project, targets, redirect: to, ...rule }) => ({
      ...rule,
      ...(project === null ? {} : { project }),
      targets: targets.map(targetBodyOf),
      redirect: to as RouteBody["redirect"],
    })),
    policies,
  };
}

function targetBodyOf({ deployment, weight, name }: TargetView): TargetBody {
  return { deployment, weight, ...(name === null ? {} : { name }) };
}
