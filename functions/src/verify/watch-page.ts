/** Whether a watched static site still answers its page. */
import type { Release } from "../load-release.ts";
import type { Ports } from "../ports.ts";
import { askForPage } from "./ask-for-page.ts";
import { UNHEALTHY_MS, type WatchVerdict } from "./decide-watch.ts";

const PAUSE_MS = 500;

/**
 * Broken when every answer for as long as an app may be unhealthy says that the release is at fault. Whatever else goes
 * wrong meanwhile is doubt: undoing a release cures neither a gateway nor a storage that is away.
 */
export async function watchPage(
  ports: Pick<Ports, "pages" | "config" | "timers">,
  release: Release,
): Promise<WatchVerdict> {
  const begun = ports.timers.now();
  for (let asked = 1; ; asked++) {
    const verdict = await askForPage(ports, release);
    if (verdict.kind === "passed") return { kind: asked === 1 ? "well" : "doubtful" };
    if (verdict.kind === "silent") return { kind: "doubtful" };
    if (ports.timers.now() - begun >= UNHEALTHY_MS)
      return { kind: "broken", pod: "", words: verdict.words };
    await ports.timers.sleep(PAUSE_MS);
  }
}
