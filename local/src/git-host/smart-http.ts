/** Git over HTTP: the advertisement and the two services, each a stateless git child process. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Transform, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { HttpError } from "./http-error.ts";
import { FLUSH, pktLine, withRemoteLines } from "./pkt-line.ts";
import { spawnGit } from "./run-git.ts";

const MAX_PUSH_BYTES = 1024 ** 3;
const SERVICES = ["git-upload-pack", "git-receive-pack"] as const;
export type GitService = (typeof SERVICES)[number];

export interface GitPath {
  readonly repository: string;
  readonly service: GitService;
  readonly isAdvertisement: boolean;
}

/** What a path asks of git; undefined when it is not a git path. */
export function parseGitPath(url: URL): GitPath | undefined {
  const match = /^\/([^/]+\/[^/]+?)\.git\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(
    url.pathname,
  );
  const [, repository, tail] = match ?? [];
  if (repository === undefined) return undefined;
  const isAdvertisement = tail === "info/refs";
  const name = isAdvertisement ? url.searchParams.get("service") : tail;
  const service = SERVICES.find((known) => known === name);
  if (service !== undefined) return { repository, service, isAdvertisement };
  throw new HttpError(403, "only the smart HTTP protocol is served (?service=git-upload-pack)");
}

export async function advertise(
  dir: string,
  service: GitService,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const child = gitChild(dir, service, request, ["--advertise-refs"]);
  child.stdin.end();
  response.writeHead(200, headersOf(service, "advertisement"));
  if (request.headers["git-protocol"] !== "version=2" || service === "git-receive-pack") {
    response.write(Buffer.concat([pktLine(`# service=${service}\n`), FLUSH]));
  }
  await pipeline(child.stdout, response);
}

export async function uploadPack(
  dir: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const child = gitChild(dir, "git-upload-pack", request);
  response.once("close", () => child.kill());
  response.writeHead(200, headersOf("git-upload-pack", "result"));
  const sending = pipeline(bodyOf(request), child.stdin).catch(() => {});
  await pipeline(child.stdout, response);
  await sending;
}

/** Takes a push; `afterwards` runs when git is done and returns lines to show to the pusher. */
export async function receivePack(
  dir: string,
  request: IncomingMessage,
  response: ServerResponse,
  afterwards: () => Promise<readonly string[]>,
): Promise<void> {
  const child = gitChild(dir, "git-receive-pack", request);
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 137));
  });
  request.once("aborted", () => child.kill());
  const sent = await pipeline(bodyOf(request), child.stdin).then(
    () => undefined,
    (error: unknown) => error,
  );
  const exitCode = await ended;
  if (sent instanceof HttpError) throw sent;
  const lines = await afterwards();
  if (exitCode !== 0 && output.length === 0)
    throw new HttpError(400, "git could not read the push");
  response.writeHead(200, headersOf("git-receive-pack", "result"));
  response.end(withRemoteLines(Buffer.concat(output), lines));
}

function gitChild(
  dir: string,
  service: GitService,
  request: IncomingMessage,
  flags: readonly string[] = [],
) {
  const protocol = String(request.headers["git-protocol"] ?? "");
  const env: Record<string, string> = /^[\w=:.]{1,64}$/.test(protocol)
    ? { GIT_PROTOCOL: protocol }
    : {};
  const command = service.slice("git-".length);
  const config = ["-c", `receive.maxInputSize=${MAX_PUSH_BYTES}`, "-c", "gc.auto=0"];
  return spawnGit([...config, command, "--stateless-rpc", ...flags, dir], env);
}

function headersOf(service: GitService, kind: "advertisement" | "result"): Record<string, string> {
  return { "content-type": `application/x-${service}-${kind}`, "cache-control": "no-cache" };
}

function bodyOf(request: IncomingMessage): Readable {
  let size = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size <= MAX_PUSH_BYTES) return done(null, chunk);
      return done(new HttpError(413, `a push may have ${MAX_PUSH_BYTES} bytes at most`));
    },
  });
  const isGzip = /^(x-)?gzip$/.test(request.headers["content-encoding"] ?? "");
  const stages = isGzip ? [createGunzip(), counted] : [counted];
  pipeline([request, ...stages]).catch((error: Error) => counted.destroy(error));
  return counted;
}
