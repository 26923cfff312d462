/** One process of a build from its start to its end: logged, stopped with the build, late at its own timeout. */
import type { ExitReport, Sandbox, SandboxedProcess, SandboxSpec } from "../sandbox/sandbox.ts";
import type { Run } from "./build-machine.ts";

/** Everything the process started has ended when it resolves. */
export async function execute(
  { machine, log, stop }: Run,
  spawn: () => SandboxedProcess,
  label: string,
  timeoutMs: number | null,
): Promise<{ report: ExitReport; isLate: boolean }> {
  const child = spawn();
  let isLate = false;
  const kill = () => void child.kill();
  const late =
    timeoutMs === null
      ? undefined
      : machine.timers.after(timeoutMs, () => {
          isLate = true;
          kill();
        });
  stop.addEventListener("abort", kill, { once: true });
  if (stop.aborted) kill();
  try {
    const [report] = await Promise.all([
      child.exited,
      log.copy(label, child.stdout),
      log.copy(label, child.stderr),
    ]);
    return { report, isLate };
  } finally {
    late?.cancel();
    stop.removeEventListener("abort", kill);
    await child.kill(); // what a step left running ends with it
  }
}

/** Programs that a sandbox has found: one that vanishes later fails its step by itself. */
const found = new WeakMap<Sandbox, Set<string>>();

/** The first program that the sandbox does not find; what it found once is not looked for again. */
export async function missingProgram(
  sandbox: Sandbox,
  spec: SandboxSpec,
  programs: readonly string[],
): Promise<string | undefined> {
  const known = found.get(sandbox) ?? new Set();
  found.set(sandbox, known);
  for (const [index, program] of programs.entries()) {
    if (known.has(program)) continue;
    const argv = ["/bin/sh", "-c", 'command -v "$1" >/dev/null', "sh", program];
    const probe = sandbox.spawn({
      ...spec,
      label: `${spec.label}-p${index}`,
      argv,
      cwd: "/workspace",
    });
    probe.stdout.resume();
    probe.stderr.resume();
    const { exitCode } = await probe.exited;
    if (exitCode !== 0) return program;
    known.add(program);
  }
  return undefined;
}
