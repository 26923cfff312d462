/** Where an engine says which script is running, so that another thread can tell when one does not come back. */
export interface CallMarker {
  /** Under which number a script's calls are marked; before the first of them. */
  announce(script: number, name: string, version: number): void;
  /** Just before a script runs. Costs two stores. */
  enter(script: number): void;
  leave(): void;
}

/** For processes without a watchdog: tests, and check processes that their parent kills by the clock. */
export const NO_MARKER: CallMarker = {
  announce() {},
  enter() {},
  leave() {},
};
