/** The part of GitHub's REST API the platform uses; anything else is 404 or 501 by name. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import * as v from "valibot";
import type { AppAuth } from "./app-auth.ts";
import { readCommit } from "./commit.ts";
import { HttpError } from "./http-error.ts";
import { readRefs, resolveCommit, settleDefaultBranch, type Repositories } from "./repositories.ts";
import { sendContents } from "./repository-contents.ts";
import { spawnGit } from "./run-git.ts";
import { newStatus, type Status, type StatusStore } from "./status-store.ts";

const INSTALLATION_ID = 1;
const MAX_BODY = 64 * 1024;

export interface RestContext {
  readonly auth: AppAuth;
  readonly repositories: Repositories;
  readonly statuses: StatusStore;
  readonly now: () => number;
  readonly baseUrl: () => string;
}

interface Call {
  readonly context: RestContext;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly repository: string;
  /** Captured path parts after owner and name. */
  readonly rest: string;
}

type Handler = (call: Call) => Promise<void>;
type Route = readonly [method: string, path: RegExp, by: "app" | "installation", run: Handler];

const REPO = "^/repos/([^/]+/[^/]+)";
const ROUTES: readonly Route[] = [
  [
    "GET",
    /^\/app()$/,
    "app",
    async (call) => sendJson(call.response, 200, { id: 1, slug: "bifrost" }),
  ],
  ["POST", /^\/app\/installations\/()(\d+)\/access_tokens$/, "app", issueToken],
  ["GET", new RegExp(`${REPO}/installation$`), "app", getInstallation],
  ["GET", new RegExp(`${REPO}$`), "installation", getRepository],
  ["GET", new RegExp(`${REPO}/commits/(.+)/statuses$`), "installation", listStatuses],
  ["GET", new RegExp(`${REPO}/commits/(.+)/status$`), "installation", combinedStatus],
  ["GET", new RegExp(`${REPO}/commits/(.+)$`), "installation", getCommit],
  ["GET", new RegExp(`${REPO}/contents/?(.*)$`), "installation", getContents],
  ["GET", new RegExp(`${REPO}/tarball/(.+)$`), "installation", getTarball],
  ["POST", new RegExp(`${REPO}/statuses/([0-9a-f]{40})$`), "installation", addStatus],
];

export async function handleRest(
  context: RestContext,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const path = decodePath(url.pathname);
  const route = ROUTES.find(([method, shape]) => method === request.method && shape.test(path));
  if (route === undefined) {
    throw new HttpError(
      501,
      `${request.method} ${path.slice(0, 200)} is not part of this git host`,
    );
  }
  const [, shape, by, run] = route;
  const { authorization } = request.headers;
  if (by === "app") context.auth.requireApp(authorization);
  else context.auth.requireInstallation(authorization);
  const [, repository = "", rest = ""] = shape.exec(path) ?? [];
  await run({ context, request, response, url, repository, rest });
}

async function issueToken({ context, response, rest }: Call): Promise<void> {
  if (rest !== String(INSTALLATION_ID)) throw new HttpError(404, "Not Found: no such installation");
  const permissions = { contents: "read", statuses: "write", metadata: "read" };
  const token = context.auth.issueToken();
  sendJson(response, 201, { ...token, permissions, repository_selection: "all" });
}

async function getInstallation({ context, response, repository }: Call): Promise<void> {
  await context.repositories.find(repository);
  sendJson(response, 200, { id: INSTALLATION_ID, account: { login: repository.split("/")[0] } });
}

async function getRepository({ context, response, repository }: Call): Promise<void> {
  const dir = await context.repositories.find(repository);
  const [owner = "", name = ""] = repository.split("/");
  sendJson(response, 200, {
    full_name: repository,
    name,
    owner: { login: owner },
    private: true,
    default_branch: await settleDefaultBranch(dir, await readRefs(dir)),
    clone_url: `${context.baseUrl()}/${repository}.git`,
  });
}

async function getCommit({ context, response, repository, rest }: Call): Promise<void> {
  const { dir, sha } = await requireCommit(context, repository, rest);
  const commit = await readCommit(dir, sha);
  const person = { ...commit.author, date: commit.timestamp };
  sendJson(response, 200, {
    sha,
    commit: { message: commit.message, author: person, committer: person },
    author: null,
    parents: commit.parents.map((parent) => ({ sha: parent })),
  });
}

async function getContents({ context, request, response, url, repository, rest }: Call) {
  const dir = await context.repositories.find(repository);
  const ref = url.searchParams.get("ref") ?? "HEAD";
  const sha = await resolveCommit(dir, ref);
  if (sha === undefined)
    throw new HttpError(404, `No commit found for the ref ${ref.slice(0, 250)}`);
  const isRaw = /application\/vnd\.github\.(v3\.)?raw/.test(request.headers.accept ?? "");
  await sendContents(response, { dir, sha, path: rest, isRaw });
}

async function getTarball({ context, response, repository, rest }: Call): Promise<void> {
  const { dir, sha } = await requireCommit(context, repository, rest);
  const prefix = `${repository.replace("/", "-")}-${sha.slice(0, 7)}`;
  const child = spawnGit(["-C", dir, "archive", "--format=tar.gz", `--prefix=${prefix}/`, sha]);
  child.stdin.end();
  response.once("close", () => child.kill());
  response.writeHead(200, {
    "content-type": "application/x-gzip",
    "content-disposition": `attachment; filename=${prefix}.tar.gz`,
  });
  await pipeline(child.stdout, response);
}

async function addStatus({ context, request, response, repository, rest }: Call): Promise<void> {
  await requireCommit(context, repository, rest);
  const entry = parseStatus(await readBody(request));
  const added = await context.repositories.exclusively(`status ${repository}`, () =>
    context.statuses.add(repository, rest, entry, context.now()),
  );
  sendJson(response, 201, added);
}

async function listStatuses({ context, response, repository, rest }: Call): Promise<void> {
  const { sha } = await requireCommit(context, repository, rest);
  sendJson(response, 200, await context.statuses.list(repository, sha));
}

async function combinedStatus({ context, response, repository, rest }: Call): Promise<void> {
  const { sha } = await requireCommit(context, repository, rest);
  const latest = new Map<string, Status>();
  const all = await context.statuses.list(repository, sha);
  for (const status of all) if (!latest.has(status.context)) latest.set(status.context, status);
  const statuses = [...latest.values()];
  sendJson(response, 200, {
    sha,
    state: combine(statuses.map((status) => status.state)),
    total_count: statuses.length,
    statuses,
  });
}

/** GitHub's rule: any failure fails, nothing or anything pending is pending. */
function combine(states: readonly Status["state"][]): "failure" | "pending" | "success" {
  if (states.includes("error") || states.includes("failure")) return "failure";
  return states.length === 0 || states.includes("pending") ? "pending" : "success";
}

async function requireCommit(
  context: RestContext,
  repository: string,
  ref: string,
): Promise<{ dir: string; sha: string }> {
  const dir = await context.repositories.find(repository);
  const sha = await resolveCommit(dir, ref);
  if (sha !== undefined) return { dir, sha };
  throw new HttpError(422, `No commit found for SHA: ${ref.slice(0, 250)}`);
}

function parseStatus(text: string): v.InferOutput<typeof newStatus> {
  try {
    return v.parse(newStatus, JSON.parse(text));
  } catch (error) {
    throw new HttpError(422, `Validation Failed: ${String(error)}`);
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new HttpError(413, `a body may have ${MAX_BODY} bytes at most`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new HttpError(400, "the path is not valid percent-encoding");
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(body));
}
