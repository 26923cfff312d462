/** What the log says of members that come and go. */
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Member } from "./member.ts";

const EVENTS = {
  alive: "node joined",
  suspect: "node marked as suspect",
  dead: "node declared dead",
  left: "node left",
} as const satisfies Record<Member["state"], string>;

export function logMemberChange(log: Logger, member: Member, former: Member | null): void {
  const { id: nodeId, address, state, evidence, incarnation } = member;
  if (state === former?.state) return;
  const isBack = state === "alive" && former !== null;
  const level = state === "suspect" || state === "dead" ? "warn" : "info";
  const fields = { nodeId, address, evidence, incarnation };
  log[level](isBack ? "node is back" : EVENTS[state], fields);
}
