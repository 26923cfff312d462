/** The ports of the gossip process and their adapters. */
import type { StartNode } from "./cluster/run-gossip.ts";

export const composeNode: StartNode = () => Promise.reject(new Error("not assembled yet"));
