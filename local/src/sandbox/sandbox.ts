/** Runs one untrusted command in the strongest isolation this machine offers; kubelet and Cloud Build share it. */
import type { Readable } from "node:stream";

/** From strongest to weakest; shown to the user wherever a sandboxed process is shown. */
export type SandboxLevel = "bwrap+cgroup" | "bwrap" | "unshare" | "plain";

export interface SandboxMount {
  readonly source: string;
  readonly target: string;
  readonly writable: boolean;
}

export interface SandboxSpec {
  /** Short unique name for cgroups and logs, `[a-z0-9-]`. */
  readonly label: string;
  /** Program and arguments as seen inside the sandbox. */
  readonly argv: readonly string[];
  /** The whole environment; nothing is inherited. PATH is added by the sandbox when absent. */
  readonly env: Readonly<Record<string, string>>;
  /** Working directory inside the sandbox. */
  readonly cwd: string;
  /** Beyond the read-only host toolchain (/usr, /lib, /bin, /etc/ssl, resolver files, Node's own prefix). */
  readonly mounts: readonly SandboxMount[];
  /**
   * Host directory with a root file system of its own, shown read-only in place of the host's toolchain. Only the
   * bwrap levels can: the others throw `missing-tool`. `maxProcesses` then needs a cgroup.
   */
  readonly rootDir?: string;
  /** Bytes of memory for all processes together; a breach ends as reason `"oom-killed"`. */
  readonly memoryBytes?: number;
  /** Thousandths of one core. */
  readonly cpuMillis?: number;
  readonly maxProcesses?: number;
}

export interface ExitReport {
  /** Exit code as a shell would give it (128 + signal for a signal). */
  readonly exitCode: number;
  readonly reason: "completed" | "error" | "oom-killed";
}

export interface SandboxedProcess {
  /** Host pid of the process that parents everything in the sandbox. */
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exited: Promise<ExitReport>;
  signal(name: "SIGTERM" | "SIGKILL" | "SIGINT"): void;
  /** Ends every process in the sandbox and resolves when none is left. */
  kill(): Promise<void>;
  /** Host pids of all live processes inside, the wrapper excluded. */
  processIds(): Promise<readonly number[]>;
}

export interface Sandbox {
  readonly level: SandboxLevel;
  spawn(spec: SandboxSpec): SandboxedProcess;
  /** Kills what still runs and removes cgroups. */
  close(): Promise<void>;
}
