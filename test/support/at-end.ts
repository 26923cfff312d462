/** Tidying up when a test file, or the program that uses these files, has ended. Only SIGKILL leaves things behind. */

const tasks: (() => void)[] = [];

/** Runs `task`, which must not wait for anything, at the end of this test file or process. */
export function atEnd(task: () => void): void {
  tasks.push(task);
}

function tidyUp(): void {
  for (const task of tasks.splice(0).toReversed()) task();
}

process.once("exit", tidyUp);
// Being told to end would by itself skip all that.
for (const signal of ["SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(143));
// The test runner ends its workers without either; its hooks run last to first, so this comes after the tests' own.
if (process.env["VITEST"] !== undefined) {
  const { afterAll } = await import("vitest");
  afterAll(tidyUp);
}
