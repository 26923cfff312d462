/** bubblewrap: own pid, ipc, uts, user and mount namespaces, no capabilities, the host's network. */
import type { HostView } from "./host-view.ts";
import { hostSystem, imageSystem } from "./system-view.ts";
import {
  innerEnvironment,
  joinedArgv,
  limitedArgv,
  orderedMounts,
  WRAPPER_ENV,
} from "./isolation.ts";
import type { Isolate } from "./isolation.ts";
import type { SandboxSpec } from "./sandbox.ts";

/** Uid and gid inside; numeric, without a passwd entry, never the platform's. */
export const SANDBOX_UID = 10001;
const TMP_BYTES_DEFAULT = 1024 ** 3;

export function bwrapIsolation(view: HostView): Isolate {
  return (spec, joinFiles) => ({
    // Everything travels on descriptor 3: secrets stay out of the process list, and variables such as
    // LD_PRELOAD cannot act on bwrap itself.
    argv: joinedArgv(joinFiles, [
      "bwrap",
      "--args",
      "3",
      "--",
      ...limitedArgv(spec, joinFiles.length > 0),
    ]),
    argsText: bwrapOptions(spec, view)
      .map((word) => `${word}\0`)
      .join(""),
    env: WRAPPER_ENV,
    cwd: "/",
    detached: false,
    wrapperDepth: 2,
    scratch: [],
  });
}

function bwrapOptions(spec: SandboxSpec, view: HostView): readonly string[] {
  const uid = String(SANDBOX_UID);
  const options = ["--unshare-user", "--uid", uid, "--gid", uid, "--unshare-pid", "--unshare-ipc"];
  options.push("--unshare-uts", "--die-with-parent", "--new-session", "--cap-drop", "ALL");
  options.push("--clearenv");
  const system = spec.rootDir === undefined ? hostSystem(view) : imageSystem(spec.rootDir);
  for (const [source, target] of system.readOnly) options.push("--ro-bind", source, target);
  for (const [target, link] of system.links) options.push("--symlink", target, link);
  options.push("--proc", "/proc", "--dev", "/dev");
  if (!spec.mounts.some((mount) => mount.target === "/tmp")) {
    options.push("--size", String(spec.memoryBytes ?? TMP_BYTES_DEFAULT), "--tmpfs", "/tmp");
  }
  for (const mount of orderedMounts(spec.mounts)) {
    options.push(mount.writable ? "--bind" : "--ro-bind", mount.source, mount.target);
  }
  options.push("--remount-ro", "/", "--chdir", spec.cwd);
  for (const [name, value] of Object.entries(innerEnvironment(spec, system.path, "/tmp"))) {
    options.push("--setenv", name, value);
  }
  return options;
}
