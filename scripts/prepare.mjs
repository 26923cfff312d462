// Runs before everything else and needs nothing but Node: the right platform, the dependencies, the bundles.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

const NEEDED_NODE = [20, 19];
const STAMP = path.join(ROOT, "node_modules", ".bifrost-install");

/** Ends the process with one clear line. */
export function fail(message, code = 1) {
  process.stderr.write(`bifrost: ${message}\n`);
  process.exit(code);
}

function checkMachine() {
  if (process.platform !== "linux") {
    fail(
      `this runs on Linux and on WSL, not on ${process.platform}; on Windows install WSL and run it there`,
    );
  }
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < NEEDED_NODE[0] || (major === NEEDED_NODE[0] && minor < NEEDED_NODE[1])) {
    fail(
      `Node ${NEEDED_NODE.join(".")} or newer is needed, this is ${process.versions.node}; install it from nodejs.org`,
    );
  }
  if (spawnSync("git", ["--version"]).error !== undefined) {
    fail("git is not installed; install it with your package manager");
  }
}

function installedHash() {
  return createHash("sha256")
    .update(readFileSync(path.join(ROOT, "package-lock.json")))
    .digest("hex");
}

/** Installs exactly what package-lock.json says when node_modules is missing or older. */
function installDependencies() {
  const wanted = installedHash();
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === wanted) return;
  process.stderr.write("Installing dependencies (once, about half a minute)…\n");
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: ROOT,
    stdio: ["ignore", 2, 2],
  });
  if (npm.error !== undefined) fail("npm is not installed; it comes with Node");
  if (npm.status !== 0) {
    fail(
      "npm ci failed; the lines above say why. It needs the npm registry once, and space for about 400 MB",
    );
  }
  mkdirSync(path.dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, wanted);
}

export function prepare() {
  checkMachine();
  installDependencies();
}
