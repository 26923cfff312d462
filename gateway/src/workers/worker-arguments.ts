/**
 * For Node in worker processes: no second thread for the garbage collector, because each core has a worker of its own,
 * and more room for what lives no longer than a request.
 */
export const WORKER_ARGUMENTS = [
  "--enable-source-maps",
  "--single-threaded-gc",
  "--max-semi-space-size=16",
] as const;
