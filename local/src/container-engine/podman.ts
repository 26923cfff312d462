/**
 * podman in namespaces of its own: every process and mount of a build ends with its first process, and RUN steps
 * get the host's network as all build steps do. As root, RUN steps are containers of runc or crun; as another
 * user, a chroot inside a user namespace, where no process has rights of the machine.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { SandboxedProcess } from "../sandbox/sandbox.ts";
import { spawnTrusted } from "../sandbox/spawn-trusted.ts";
import { groupPrefix, removeGroups } from "./engine-cgroups.ts";
import { writeEngineFiles } from "./engine-files.ts";
import type { ImageEngine, ImageWork } from "./image-engine.ts";
import { USER_NAMESPACE } from "./user-namespace.ts";

export interface PodmanOptions {
  /** `host:port` of the platform's registry. */
  readonly registry: string;
  readonly registryToken: string;
  /** The platform's data directory: tells what this platform left from what others run. */
  readonly home: string;
  /** PATH in which podman is looked up. */
  readonly searchPath: string;
  readonly timers: Timers;
  readonly log: Logger;
}

const ADMIN_PATHS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
/** Every process sees only the build's own; the mounts go with the last of them. */
const NAMESPACES = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

export function createPodman(options: PodmanOptions): ImageEngine {
  const isRoot = process.getuid?.() === 0;
  const path = [...options.searchPath.split(":"), ...ADMIN_PATHS];
  const has = (program: string) => path.some((dir) => existsSync(join(dir, program)));
  const groups = groupPrefix(options.home);
  // Of a platform that was killed while a build ran.
  if (isRoot) void removeGroups(groups, options.timers);

  const start = (work: ImageWork, command: string, args: readonly string[]): SandboxedProcess => {
    const runtime = ["runc", "crun"].find(has) ?? null;
    const group = `${groups}-${work.label}`;
    const env = writeEngineFiles(work.storeDir, { ...options, isRoot, runtime });
    const isolation = isRoot ? ociIsolation(work.storeDir, group) : ["--isolation", "chroot"];
    const spec = {
      label: work.label,
      argv: [
        "unshare",
        ...(isRoot ? [] : USER_NAMESPACE),
        ...NAMESPACES,
        "--propagation",
        "private",
        "podman",
        command,
        ...(command === "build" ? [...isolation, "--network", "host", "--pull=missing"] : []),
        ...args,
      ],
      env: { PATH: path.join(":"), _CONTAINERS_USERNS_CONFIGURED: isRoot ? "" : "1", ...env },
      cwd: work.storeDir,
    };
    const child = spawnTrusted(spec, options);
    return isRoot ? cleaned(child, () => removeGroups(group, options.timers)) : child;
  };

  return {
    unavailable: () => lacking(has, isRoot),
    build: (order) =>
      start(order, "build", [
        ...order.labels.flatMap((pair) => ["--label", pair]),
        ...order.buildArgs.flatMap((pair) => ["--build-arg", pair]),
        ...order.tags.flatMap((tag) => ["--tag", tag]),
        "--file",
        order.dockerfile,
        "--",
        order.contextDir,
      ]),
    push: (order) => start(order, "push", ["--digestfile", order.digestFile, "--", order.image]),
  };
}

function lacking(has: (program: string) => boolean, isRoot: boolean): string | null {
  const needed: readonly (readonly [program: string, packageName: string])[] = [
    ["podman", "podman"],
    ["unshare", "util-linux"],
    ...(isRoot ? ([["runc", "runc"]] as const) : ([["newuidmap", "uidmap"]] as const)),
  ];
  const missing = needed.find(([program]) => !has(program) && !(program === "runc" && has("crun")));
  if (missing === undefined) return null;
  const [program, packageName] = missing;
  return `${program} is not installed on this machine, which builds Dockerfiles with it; install it: apt-get install ${packageName}`;
}

function ociIsolation(storeDir: string, group: string): readonly string[] {
  const state = `root=${join(storeDir, "runtime")}`;
  return ["--isolation", "oci", "--runtime-flag", state, "--cgroup-parent", `/${group}`];
}

/** The child, with `clean` run once nothing of it is left. */
function cleaned(child: SandboxedProcess, clean: () => Promise<void>): SandboxedProcess {
  return {
    pid: child.pid,
    stdout: child.stdout,
    stderr: child.stderr,
    exited: child.exited.finally(clean),
    signal: (name) => child.signal(name),
    kill: () => child.kill().finally(clean),
    processIds: () => child.processIds(),
  };
}
