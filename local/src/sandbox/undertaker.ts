/**
 * Ends what a killed platform would leave behind. Every wrapper asks the kernel to be killed with its parent; one that
 * is just starting when the parent dies asks too late, and lives on for ever. All wrappers of a platform carry its mark
 * in their environment, and a small process that outlives the platform for a moment looks for it.
 */
import { spawn } from "node:child_process";

/** Name of the variable that wrappers carry; what runs inside the sandbox never sees it. */
export const MARK_VARIABLE = "BIFROST_SANDBOX";

export interface Undertaker {
  /** The platform ends in order and leaves nothing: nobody has to look. */
  dismiss(): void;
}

/**
 * Its standard input ends when the platform does, in whatever way; a word on it means that all is well. A wrapper that
 * was forked but had not begun may show up a little later, so it is done only after a second without a find.
 */
const SCRIPT = `
read -r word && exit 0
left=5
while [ "$left" -gt 0 ]; do
  found=$(grep -lzxF "$1" /proc/[0-9]*/environ 2>/dev/null)
  for file in $found; do pid=\${file#/proc/}; kill -9 "\${pid%/environ}" 2>/dev/null; done
  if [ -n "$found" ]; then left=5; else left=$((left-1)); fi
  sleep 0.2
done`;

export function startUndertaker(mark: string): Undertaker {
  const child = spawn("/bin/sh", ["-c", SCRIPT, "undertaker", `${MARK_VARIABLE}=${mark}`], {
    stdio: ["pipe", "ignore", "ignore"],
    env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
    cwd: "/",
    // Ctrl-C is meant for the platform, which then says that all is well.
    detached: true,
  });
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  child.unref();
  return { dismiss: () => child.stdin.end("well\n") };
}
