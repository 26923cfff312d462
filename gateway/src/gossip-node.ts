/** Entry point of the process that takes part in the gateway's cluster. */
import { systemTimers } from "@bifrost/shared/domain/time";
import { runGossip } from "./cluster/run-gossip.ts";
import { composeNode } from "./compose-gossip.ts";

runGossip(composeNode, systemTimers);
