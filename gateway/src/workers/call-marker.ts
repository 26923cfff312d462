/** Where an engine says which script is running, so that another thread can tell when one does not come back. */
export interface CallMarker {
  /** A number for the script, to be given to `enter`. */
  register(script: { readonly name: string; readonly version: number }): number;
  /** Just before a script runs. Costs two stores. */
  enter(script: number): void;
  leave(): void;
}

/** For processes without a watchdog: tests, and check processes that their parent kills by the clock. */
export const NO_MARKER: CallMarker = {
  register: () => 0,
  enter() {},
  leave() {},
};
