/** Tidying up when this process ends, also when it is told to. Only SIGKILL leaves things behind. */

const tasks: (() => void)[] = [];

/** Runs `task`, which must not wait for anything, when this process ends. */
export function atEnd(task: () => void): void {
  tasks.push(task);
}

process.once("exit", () => {
  for (const task of tasks.toReversed()) task();
});
// Test runners end their workers with a signal, which by itself would skip all that.
for (const signal of ["SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(143));
