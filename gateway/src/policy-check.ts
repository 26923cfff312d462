/** Entry point of a process that checks one candidate and ends. */
import { loadLua } from "./lua/lua-instance.ts";
import { checkCandidate } from "./policies/check/check-candidate.ts";
import type { FromCheck, ToCheck } from "./policies/check/check-messages.ts";

const lua = await loadLua();

process.on("message", ({ candidate }: ToCheck) => {
  const result = checkCandidate({
    lua,
    candidate,
    onPhase: (phase) => tell({ kind: "phase", phase }),
  });
  tell({ kind: "result", result }, leave);
});
tell({ kind: "up" });

/** Whoever asked may have ended meanwhile; then there is nobody to complain to. */
function tell(message: FromCheck, sent = () => {}): void {
  process.send?.(message, undefined, undefined, sent);
}

function leave(): void {
  if (process.connected) process.disconnect();
}
