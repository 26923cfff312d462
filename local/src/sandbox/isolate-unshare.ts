/** util-linux only: a user namespace whose root file system is put together by a shell script, then entered. */
import type { HostView } from "./host-view.ts";
import {
  innerEnvironment,
  limitedArgv,
  orderedMounts,
  refuseOwnRoot,
  WRAPPER_ENV,
} from "./isolation.ts";
import type { Isolate } from "./isolation.ts";
import type { SandboxSpec } from "./sandbox.ts";

const UNSHARE = ["unshare", "-Urpmif", "--uts", "--kill-child", "--propagation", "private"];
const DROP_PRIVILEGES = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"];
const DEVICES = ["null", "zero", "full", "random", "urandom"];

/** `mountPoint` is an empty host directory; each run mounts its own root on it in its own namespace. */
export function unshareIsolation(view: HostView, mountPoint: string): Isolate {
  return (spec) => {
    refuseOwnRoot(spec, "unshare");
    return {
      argv: ["setpriv", "--pdeathsig", "KILL", ...UNSHARE, "/bin/sh", "-s"],
      stdinText: script(spec, view, mountPoint),
      env: WRAPPER_ENV,
      cwd: "/",
      detached: false,
      wrapperDepth: 2,
      scratch: [],
    };
  };
}

function script(spec: SandboxSpec, view: HostView, root: string): string {
  const env = Object.entries(innerEnvironment(spec, view.path, "/tmp"));
  const command = [
    ...DROP_PRIVILEGES,
    "env",
    "-i",
    ...env.map(([name, value]) => `${name}=${value}`),
    ...limitedArgv(spec, false),
  ];
  const bind = (source: string, target: string, writable: boolean): readonly string[] => [
    `bind ${quote(source)} ${quote(target)} ${writable ? "rw" : "ro"}`,
  ];
  const lines = [
    "set -e",
    `cd / && r=${quote(root)} && mount -t tmpfs -o mode=755 tmpfs "$r"`,
    BIND_FUNCTION,
    ...view.readOnly.flatMap((path) => bind(path, path, false)),
    ...view.links.map(([target, link]) => `ln -s ${quote(target)} "$r"${quote(link)}`),
    'mkdir -p "$r/proc" "$r/dev/shm" "$r/tmp" && mount -t proc proc "$r/proc"',
    'mount -t tmpfs -o mode=1777 tmpfs "$r/tmp"; mount -t tmpfs -o mode=1777 tmpfs "$r/dev/shm"',
    ...DEVICES.flatMap((name) => bind(`/dev/${name}`, `/dev/${name}`, true)),
    'ln -s /proc/self/fd "$r/dev/fd"; ln -s fd/0 "$r/dev/stdin"; ln -s fd/1 "$r/dev/stdout"; ln -s fd/2 "$r/dev/stderr"',
    ...orderedMounts(spec.mounts).flatMap((mount) =>
      bind(mount.source, mount.target, mount.writable),
    ),
    // The old root is stacked on the new one and then let go: nothing of it stays reachable.
    'cd "$r" && pivot_root . . && umount -l . && cd / && mount -o remount,ro,bind /',
    `cd ${quote(spec.cwd)}`,
    "set +e",
    // Not exec: this shell stays as pid 1 of the namespace, reaps orphans and passes the exit code on.
    `${command.map(quote).join(" ")} </dev/null; exit $?`,
  ];
  return `${lines.join("\n")}\n`;
}

// A bind mount made read-only keeps the flags of its source locked; they must be repeated.
const BIND_FUNCTION = `bind() {
  if [ -d "$1" ]; then mkdir -p "$r$2"; else mkdir -p "$r\${2%/*}"; : > "$r$2"; fi
  mount --rbind "$1" "$r$2"
  if [ "$3" = ro ]; then mount -o remount,ro,bind "$r$2" 2>/dev/null || mount -o remount,ro,nosuid,nodev,bind "$r$2"; fi
}`;

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
