/** Our core, as the simulation runs it. */
import { nextWakeAt, step } from "../swim.ts";
import { newSwimState } from "../swim-state.ts";
import type { Protocol } from "./simulated-node.ts";

export const swimProtocol: Protocol = (options, now) => {
  const state = newSwimState(options, now);
  return {
    step: (event, at) => step(state, event, at),
    nextWakeAt: () => nextWakeAt(state),
  };
};
