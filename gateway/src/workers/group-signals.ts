/** Ctrl-C, a hangup and a supervisor reach the whole group of processes; what follows for a child its parent says. */
export function ignoreGroupSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => undefined);
  }
}
