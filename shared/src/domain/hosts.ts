/**
 * Which host names a project may have: its own `<slug>.<domain>`, more of the form `<label>--<slug>.<domain>`, and custom
 * domains that it has proven to control. No slug has two hyphens in a row, so nobody can claim a name that reads as
 * another project's, nor one that a deployment has.
 */
import { BifrostError } from "./errors.ts";

export type HostKind = "own" | "extra" | "custom";

const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const MAX_LABEL = 63;
/** A name has at most 253 characters, and that of the TXT record is longer by `_bifrost.`. */
const MAX_DOMAIN = 253 - "_bifrost.".length;

/** Without the port that the domain of a local platform carries. */
export function projectHost(slug: string, platformDomain: string): string {
  return `${slug}.${withoutPort(platformDomain)}`;
}

/** What `host` is to the project; `custom` only says that it is not below the platform's domain. Throws `bad-request`. */
export function hostKind(host: string, slug: string, platformDomain: string): HostKind {
  const own = projectHost(slug, platformDomain);
  if (host === own) return "own";
  const [label = "", ...rest] = host.split(".");
  if (!isAtOrBelow(host, withoutPort(platformDomain))) return "custom";
  const prefix = label.endsWith(`--${slug}`) ? label.slice(0, -`--${slug}`.length) : "";
  const isExtra =
    [slug, ...rest].join(".") === own &&
    LABEL.test(prefix) &&
    !prefix.includes("--") &&
    prefix !== "xn" &&
    label.length <= MAX_LABEL;
  if (isExtra) return "extra";
  throw new BifrostError(
    "bad-request",
    `${host} cannot be a host of ${slug}: below ${withoutPort(platformDomain)} a project has ${own} and <label>--${own}, with a label of a-z, 0-9 and single hyphens; other names need a domain of your own: \`bifrost domains add\``,
    { host },
  );
}

/**
 * A custom domain in the spelling that routes have: lower case, without port and final dot, other scripts in Punycode.
 * Throws `bad-request` for what cannot be proven to be anybody's, and for what is the platform's.
 */
export function parseDomain(text: string, platformDomain: string): string {
  const refuse = (why: string) =>
    new BifrostError("bad-request", `${JSON.stringify(text)} cannot be a domain: ${why}`, {
      domain: text,
    });
  if (text.includes("*")) throw refuse("wildcards are not served; add every name by itself");
  const [, name] = /^([^\s/\\@?#%[\]:]+?)\.?(?::\d{1,5})?$/.exec(text) ?? [];
  if (name === undefined) throw refuse("write a host name alone, such as shop.example.com");
  const domain = asciiName(name);
  if (domain === null) throw refuse("it is no valid host name");
  if (/^[\d.]+$/.test(domain)) throw refuse("IP addresses are not served; use a name");
  const labels = domain.split(".");
  if (labels.length < 2) throw refuse("it needs a dot, as in shop.example.com");
  if (!labels.every((label) => label.length <= MAX_LABEL && LABEL.test(label)))
    throw refuse("its parts are letters, digits and inner hyphens, at most 63 characters each");
  if (/^\d+$/.test(labels.at(-1) ?? "")) throw refuse("no top-level domain is a number");
  if (domain.length > MAX_DOMAIN) throw refuse(`it has more than ${MAX_DOMAIN} characters`);
  if (isAtOrBelow(domain, withoutPort(platformDomain)))
    throw refuse(
      `${withoutPort(platformDomain)} is the platform's own; more hosts below it: \`bifrost routes set <label>--<slug>.${withoutPort(platformDomain)}\``,
    );
  return domain;
}

/** As browsers understand it, all the ways to write an IPv4 address included. */
function asciiName(name: string): string | null {
  try {
    return new URL(`http://${name}`).hostname;
  } catch {
    return null;
  }
}

function isAtOrBelow(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`);
}

function withoutPort(domain: string): string {
  return domain.replace(/:\d+$/, "").toLowerCase();
}
