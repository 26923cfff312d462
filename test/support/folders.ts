/** Temporary folders, and apps in them: copies of the examples, or files spelled out in a test. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { atEnd } from "./at-end.ts";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..", "..");

const made = new Set<string>();
atEnd(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/** Gone when the test run ends. The prefix is short: a socket's path in it may have 107 characters. */
export function temporaryFolder(prefix = "bf-"): string {
  const folder = mkdtempSync(path.join(tmpdir(), prefix));
  made.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  made.delete(folder);
}

/** Writes files, folders included, below `folder`. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return folder;
}

/** A copy of examples/<name>; with `slug`, the app in it is called so. */
export function copyExample(name: string, slug: string = name): string {
  const folder = path.join(temporaryFolder(), slug);
  cpSync(path.join(ROOT, "examples", name), folder, { recursive: true });
  if (slug !== name) {
    const config = path.join(folder, "deploy.toml");
    writeFileSync(config, readFileSync(config, "utf8").replace(/^name = .*$/m, `name = "${slug}"`));
  }
  return folder;
}

export interface NodeAppOptions {
  /** What every path but /healthz answers. */
  readonly answer?: string;
  /** Lines added to deploy.toml. */
  readonly config?: string;
  /** The program instead of the one that answers. */
  readonly program?: string;
}

/** The files of a small Node app without dependencies. */
export function nodeApp(slug: string, options: NodeAppOptions = {}): Record<string, string> {
  const { answer = `hello from ${slug}`, config = "", program = answering(answer) } = options;
  return {
    "deploy.toml": `[app]\nname = "${slug}"\nruntime = "node"\n\n[run]\ncommand = "node server.js"\n\n${config}\n`,
    "server.js": program,
  };
}

function answering(answer: string): string {
  return `const http = require("node:http");
const server = http.createServer((request, response) =>
  response.end(request.url === "/healthz" ? "ok" : ${JSON.stringify(answer)}));
server.listen(process.env.PORT, () => console.log("listening on " + process.env.PORT));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
`;
}
