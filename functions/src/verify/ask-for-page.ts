/** What the gateway answers for the page by which a static site is judged. */
import { SITE_PROBE_HEADER } from "@bifrost/shared/domain/site-manifest";
import { telemetryToken } from "@bifrost/shared/domain/telemetry-token";
import type { Release } from "../load-release.ts";
import type { Ports } from "../ports.ts";

export type PageVerdict =
  | { readonly kind: "passed" }
  /** The release's own fault. */
  | { readonly kind: "refused"; readonly words: string }
  /** Trouble of the gateway or of the storage behind it: no word about the release. */
  | { readonly kind: "silent"; readonly words: string };

/** On the deployment's own host, past all policies: what these make of visitors is not the release's health. */
export async function askForPage(
  { pages, config }: Pick<Ports, "pages" | "config">,
  { deployment, snapshot }: Release,
): Promise<PageVerdict> {
  const { id } = deployment.value;
  const { path, timeout } = snapshot.config.health;
  const status = await pages.statusOf({
    host: `${id}.${config.domain}`,
    path,
    headers: { [SITE_PROBE_HEADER]: telemetryToken(config.telemetrySecret, id) },
    timeoutMs: timeout.ms,
  });
  return judge(status, path);
}

export function judge(status: number | null, path: string): PageVerdict {
  if (status === null)
    return { kind: "silent", words: `the gateway does not answer for the page ${path} in time` };
  if (status >= 500)
    return {
      kind: "silent",
      words: `the gateway answers with status ${status} for the page ${path}`,
    };
  if (status >= 200 && status < 400) return { kind: "passed" };
  const hint = status === 404 ? "; [static] dir must hold it, or [health] path name another" : "";
  return { kind: "refused", words: `the page ${path} is answered with status ${status}${hint}` };
}
