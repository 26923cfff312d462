/** How one level turns a spec into a host command; the runner does the rest the same way for all. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { SandboxLevel, SandboxMount, SandboxSpec } from "./sandbox.ts";

export interface HostCommand {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Text written to descriptor 3 and closed; undefined leaves descriptor 3 open as the guard pipe. */
  readonly argsText?: string;
  /** Text written to standard input and closed. */
  readonly stdinText?: string;
  /** Leads a session of its own, so that the whole group can be killed. */
  readonly detached: boolean;
  /** Processes between the spawned one and the command: the namespace's own init counts one. */
  readonly wrapperDepth: 0 | 2;
  /** Directories of this run, removed after it. */
  readonly scratch: readonly string[];
}

export type Isolate = (spec: SandboxSpec, joinFiles: readonly string[]) => HostCommand;

/** Only what the wrapper programs need: the spec's variables must not reach code outside the sandbox. */
export const WRAPPER_ENV = { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" } as const;

const JOIN =
  'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ > "$1" || exit 125; shift; n=$((n-1)); done; exec "$@"';

/** Puts `argv` into cgroups before its first instruction; the pid stays the same. */
export function joinedArgv(
  joinFiles: readonly string[],
  argv: readonly string[],
): readonly string[] {
  if (joinFiles.length === 0) return argv;
  return ["/bin/sh", "-c", JOIN, "sh", String(joinFiles.length), ...joinFiles, ...argv];
}

/** Throws `missing-tool` for a level that shows every process the host's own system. */
export function refuseOwnRoot(spec: SandboxSpec, level: SandboxLevel): void {
  if (spec.rootDir === undefined) return;
  throw new BifrostError(
    "missing-tool",
    `an image with a system of its own (/bin or /usr) needs bubblewrap, and this machine's sandbox is ${level}; install it: apt-get install bubblewrap`,
    { level },
  );
}

/** The spec's variables plus PATH, HOME and PWD where it names none. */
export function innerEnvironment(
  spec: SandboxSpec,
  path: string,
  home: string,
): Readonly<Record<string, string>> {
  return { PATH: path, HOME: home, PWD: spec.cwd, ...spec.env };
}

/** Outer mounts first, so that a mount inside another is not hidden by it. */
export function orderedMounts(mounts: readonly SandboxMount[]): readonly SandboxMount[] {
  return mounts.toSorted((a, b) => a.target.split("/").length - b.target.split("/").length);
}

/** A process limit by rlimit holds per user namespace, and never for the machine's own root. */
export function limitedArgv(spec: SandboxSpec, hasCgroup: boolean): readonly string[] {
  const isRoot = process.getuid?.() === 0;
  const isOwnRoot = spec.rootDir !== undefined; // which may lack prlimit
  if (spec.maxProcesses === undefined || hasCgroup || isRoot || isOwnRoot) return spec.argv;
  return ["/usr/bin/prlimit", `--nproc=${spec.maxProcesses}:${spec.maxProcesses}`, ...spec.argv];
}
