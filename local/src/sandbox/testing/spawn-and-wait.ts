/** A parent for tests to kill: starts one sandboxed command and then only waits. */
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { detectSandbox } from "../detect-sandbox.ts";
import type { SandboxLevel } from "../sandbox.ts";

const wish = JSON.parse(process.argv[2] ?? "{}") as {
  level: SandboxLevel;
  stateDir: string;
  argv: readonly string[];
};
const sandbox = await detectSandbox({
  log: silentLogger,
  timers: systemTimers,
  stateDir: wish.stateDir,
  require: wish.level,
});
const running = sandbox.spawn({ label: "child", argv: wish.argv, env: {}, cwd: "/", mounts: [] });
running.stdout.resume();
running.stderr.resume();
await running.exited;
