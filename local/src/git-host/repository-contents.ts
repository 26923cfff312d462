/** Files and directories of a commit as GitHub's contents API answers them. */
import type { ServerResponse } from "node:http";
import { HttpError } from "./http-error.ts";
import { runGit } from "./run-git.ts";

const MAX_JSON_BYTES = 1024 ** 2;
const MAX_RAW_BYTES = 32 * 1024 ** 2;
const TYPES: Readonly<Record<string, string>> = {
  "040000": "dir",
  "120000": "symlink",
  "160000": "submodule",
};

interface Entry {
  readonly type: string;
  readonly sha: string;
  readonly size: number;
  readonly path: string;
  readonly name: string;
}

export interface ContentsQuery {
  readonly dir: string;
  readonly sha: string;
  readonly path: string;
  readonly isRaw: boolean;
}

/** Throws 404 for a path the commit does not have, 403 for a file above the cap. */
export async function sendContents(response: ServerResponse, query: ContentsQuery): Promise<void> {
  const path = query.path.replace(/\/+$/, "");
  const parts = path.split("/");
  if (parts.some((part) => part === "." || part === ".." || part.includes("\0"))) {
    throw new HttpError(422, "path contains a malformed path component");
  }
  const [entry] = path === "" ? [] : await listTree(query, path);
  if (path !== "" && entry === undefined) throw new HttpError(404, `Not Found: ${path}`);
  if (entry === undefined || entry.type === "dir") {
    const children = await listTree(query, path === "" ? "" : `${path}/`);
    response.writeHead(200, { "content-type": "application/json; charset=utf-8" });
    return void response.end(JSON.stringify(children));
  }
  return sendFile(response, query, entry);
}

async function sendFile(response: ServerResponse, query: ContentsQuery, entry: Entry) {
  const limit = query.isRaw ? MAX_RAW_BYTES : MAX_JSON_BYTES;
  if (entry.size > limit) {
    throw new HttpError(403, `${entry.path} has ${entry.size} bytes; at most ${limit} are served`);
  }
  const { stdout } = await runGit(["-C", query.dir, "cat-file", "blob", entry.sha]);
  if (query.isRaw) {
    response.writeHead(200, { "content-type": "application/vnd.github.raw+json; charset=utf-8" });
    return void response.end(stdout);
  }
  response.writeHead(200, { "content-type": "application/json; charset=utf-8" });
  const content = stdout.toString("base64");
  return void response.end(JSON.stringify({ ...entry, encoding: "base64", content }));
}

async function listTree({ dir, sha }: ContentsQuery, path: string): Promise<Entry[]> {
  const args = ["--literal-pathspecs", "-C", dir, "ls-tree", "-z", "--long", sha];
  const { exitCode, stdout } = await runGit(path === "" ? args : [...args, "--", path]);
  if (exitCode !== 0) return [];
  const lines = stdout.toString("utf8").split("\0");
  return lines.filter((line) => line !== "").map(parseEntry);
}

function parseEntry(line: string): Entry {
  const [facts = "", path = ""] = line.split("\t", 2);
  const [mode = "", , sha = "", size = ""] = facts.split(/ +/);
  const name = path.slice(path.lastIndexOf("/") + 1);
  return { type: TYPES[mode] ?? "file", sha, size: Number(size) || 0, path, name };
}
