/** `bifrost routes list | show | set | redirect | path | remove`: which release the hosts of a project serve. */
import { readFile } from "node:fs/promises";
import { routeBody, routeView, type RouteBody, type RouteView } from "@bifrost/shared/api/routes";
import type { ProjectView } from "@bifrost/shared/api/schemas";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import * as v from "valibot";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-code.ts";
import type { Output } from "../output.ts";
import { bodyOf, parseStickiness, parseTarget, targetWords } from "../route-shares.ts";
import type { CommandSpec } from "./command.ts";

type Options = Readonly<Record<string, unknown>>;

const HOST_WORDS = "a host, or a label for <label>--<host of the project>";
const TARGETS = [
  "--target <share...>",
  "<deployment>[:<name>][=<weight>], the deployment by number, by id, or `live`",
] as const;

export const listRoutes: CommandSpec = {
  usage: "list",
  description: "list the project's hosts and what they serve",
  example: "bifrost routes list",
  async run(context) {
    const { output, client } = context;
    const routes = await client.routes(context.projectKey());
    output.data({ items: routes });
    output.table(
      ["host", "kind", "serves", "paths", "policies"],
      routes.map((one) => [
        one.host,
        one.kind,
        servesWords(one),
        String(one.paths.length),
        one.policies.map(({ policy }) => policy).join(", ") || "-",
      ]),
    );
    return EXIT.ok;
  },
};

export const showRoute: CommandSpec = {
  usage: "show [host]",
  description: `show one host, by default the project's own; ${HOST_WORDS}`,
  example: "bifrost routes show",
  async run(context, [key]) {
    const { route } = await findRoute(context, key);
    tell(context.output, route);
    return EXIT.ok;
  },
};

export const setRoute: CommandSpec = {
  usage: "set <host>",
  description: `choose what a host serves; ${HOST_WORDS}`,
  example: "bifrost routes set beta --target 12=90 --target 13:canary=10 --sticky cookie:visitor",
  options: [
    TARGETS,
    ["--live", "serve the live release, whichever it is"],
    [
      "--sticky <what>",
      "what keeps a visitor on one release: address, cookie:<name>, header:<name>",
    ],
    ["--file <json>", "all of it at once, as `routes show --json` prints it"],
  ],
  async run(context, [key = ""], options) {
    const { file, sticky } = options;
    const fromFile = typeof file === "string" ? await readBody(file) : null;
    return change(context, key, (body) => ({
      ...(fromFile ?? body),
      ...targetsIn(options),
      ...(typeof sticky === "string" ? { stickiness: parseStickiness(sticky) } : {}),
    }));
  },
};

export const redirectRoute: CommandSpec = {
  usage: "redirect <host> [to]",
  description: "answer every request of a host with a redirect; --off ends it",
  example: "bifrost routes redirect www.example.com https://example.com --keep-path",
  options: [
    ["--keep-path", "put path and query of the request behind the new address"],
    ["--status <code>", "301, 302, 303, 307 or 308 (default 308)"],
    ["--off", "serve the host again"],
  ],
  async run(context, [key = "", to], options) {
    const redirect = options["off"] === true ? null : redirectIn(to, options);
    return change(context, key, (body) => ({ ...body, redirect }));
  },
};

export const routePath: CommandSpec = {
  usage: "path <host> <prefix>",
  description: "serve what lies below a path of a host in another way; --off ends it",
  example: "bifrost routes path shop.example.com /blog --from blog --strip-prefix",
  options: [
    ["--from <project>", "by another project of the team"],
    TARGETS,
    ["--strip-prefix", "hide the prefix from the app"],
    ["--redirect <to>", "by a redirect"],
    ["--keep-path", "put what follows the prefix behind the new address"],
    ["--status <code>", "of the redirect (default 308)"],
    ["--off", "serve it like the rest of the host again"],
  ],
  async run(context, [key = "", prefix = ""], options) {
    return change(context, key, (body) => {
      const { paths = [] } = body;
      const before = paths.find((rule) => rule.prefix === prefix);
      if (options["off"] === true && before === undefined)
        throw new BifrostError("not-found", `nothing is set for ${prefix}`, { prefix });
      const others = paths.filter((rule) => rule !== before);
      const next = options["off"] === true ? [] : [pathIn(prefix, before, options)];
      return { ...body, paths: [...others, ...next] };
    });
  },
};

export const removeRoute: CommandSpec = {
  usage: "remove <host>",
  description: "give up a host; the project's own one stays",
  example: "bifrost routes remove beta",
  async run(context, [key = ""]) {
    const { output, client } = context;
    const project = await context.project();
    const answer = await client.removeRoute(project.id, hostNamed(project, key));
    output.data(answer);
    output.line(`Removed ${answer.deleted}.`);
    return EXIT.ok;
  },
};

/** The host's route, or what there is to begin with for one that does not exist yet. */
async function findRoute(context: CommandContext, key: string | undefined) {
  const project = await context.project();
  const host = hostNamed(project, key);
  const route = (await context.client.routes(project.id)).find((one) => one.host === host);
  if (route !== undefined) return { project, host, route };
  throw new BifrostError(
    "not-found",
    `${project.slug} has no host ${host}; \`bifrost routes list\` shows its hosts`,
    { host },
  );
}

async function change(
  context: CommandContext,
  key: string,
  edit: (body: RouteBody) => RouteBody,
): Promise<number> {
  const { client, output } = context;
  const project = await context.project();
  const host = hostNamed(project, key);
  const before = (await client.routes(project.id)).find((one) => one.host === host);
  const body = edit(before === undefined ? {} : bodyOf(before));
  tell(output, await client.setRoute(project.id, host, body, before?.version ?? null));
  return EXIT.ok;
}

/** The project's own host without a key; a key without a dot is the label of an extra host. */
function hostNamed({ url }: ProjectView, key: string | undefined): string {
  const own = new URL(url).hostname;
  if (key === undefined) return own;
  return key.includes(".") ? key.toLowerCase() : `${key.toLowerCase()}--${own}`;
}

async function readBody(file: string): Promise<RouteBody> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new BifrostError("bad-request", `${file} is not read: ${messageOf(error)}`);
  }
  const shown = v.safeParse(routeView, value);
  if (shown.success) return bodyOf(shown.output);
  const parsed = v.safeParse(routeBody, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new BifrostError(
    "bad-request",
    `${file}: ${v.getDotPath(issue) ?? "the route"}: ${issue.message}`,
  );
}

function targetsIn(options: Options): Pick<RouteBody, "targets"> {
  const { target } = options;
  if (options["live"] === true) return { targets: [] };
  return Array.isArray(target) ? { targets: target.map((one) => parseTarget(String(one))) } : {};
}

function redirectIn(to: string | undefined, options: Options): NonNullable<RouteBody["redirect"]> {
  if (to === undefined) throw new BifrostError("bad-request", "name the new address, or --off");
  const status = Number(options["status"] ?? 308);
  const keepsPath = options["keepPath"] === true;
  return { to, keepsPath, status: status as 308 };
}

type PathRule = NonNullable<RouteBody["paths"]>[number];

function pathIn(prefix: string, before: PathRule | undefined, options: Options): PathRule {
  const { from, redirect } = options;
  return {
    ...before,
    prefix,
    ...(typeof from === "string" ? { project: from } : {}),
    ...targetsIn(options),
    ...(options["stripPrefix"] === true ? { stripsPrefix: true } : {}),
    ...(typeof redirect === "string" ? { redirect: redirectIn(redirect, options) } : {}),
  };
}

function servesWords({ redirect, targets }: Pick<RouteView, "redirect" | "targets">): string {
  return redirect === null ? targetWords(targets) : `${redirect.status} to ${redirect.to}`;
}

function tell(output: Output, route: RouteView): void {
  output.data(route);
  output.line(`${output.paint.bold(route.host)}  ${route.url}`);
  output.line(`  serves ${servesWords(route)}`);
  if (route.targets.length > 1) {
    const { stickiness } = route;
    const by = stickiness.by === "address" ? "address" : `${stickiness.by} ${stickiness.name}`;
    output.line(`  a visitor is known by ${by}`);
  }
  for (const { policy } of route.policies) output.line(`  policy ${policy}`);
  for (const rule of route.paths) {
    const whose = rule.project === null ? "" : ` of ${rule.project}`;
    output.line(`  below ${rule.prefix}: ${servesWords(rule)}${whose}`);
  }
}
