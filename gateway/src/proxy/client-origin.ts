/** Who asks, over what: as this proxy sees it, or as a trusted proxy before it says; and how the app is told. */
import { isIPv6 } from "node:net";
import { isToken } from "./header-block.ts";
import type { RequestHead } from "./parse-head.ts";
import { clientBehind, type IsTrusted } from "./trusted-proxies.ts";

type Scheme = "http" | "https";

/** Of one connection; a trusted proxy may send requests of many clients over it. */
export class ClientOrigin {
  ip: string;
  scheme: Scheme;
  private readonly peer: string;
  private readonly publicScheme: Scheme;
  private readonly isTrusted: IsTrusted;
  private readonly isPeerTrusted: boolean;
  /** The lines made last: requests of one connection mostly get the same. */
  private lines = "";
  private linesAre = { ip: "", authority: "", scheme: "" };

  constructor(remoteAddress: string | undefined, publicScheme: Scheme, isTrusted: IsTrusted) {
    this.peer = (remoteAddress ?? "unknown").replace(/^::ffff:/, "");
    this.publicScheme = publicScheme;
    this.isTrusted = isTrusted;
    this.isPeerTrusted = isTrusted(this.peer);
    this.ip = this.peer;
    this.scheme = publicScheme;
  }

  /** Takes what this request says of its origin, if it may say so. */
  read({ claims }: RequestHead): void {
    if (!this.isPeerTrusted) return;
    this.ip =
      claims.forwardedFor === null
        ? this.peer
        : clientBehind(this.peer, claims.forwardedFor, this.isTrusted);
    const proto = claims.forwardedProto?.toLowerCase();
    this.scheme = proto === "http" || proto === "https" ? proto : this.publicScheme;
  }

  /** The header lines that tell the app where a request for `authority` came from. */
  linesFor(authority: string): string {
    const { ip, scheme, linesAre } = this;
    if (linesAre.authority !== authority || linesAre.ip !== ip || linesAre.scheme !== scheme) {
      this.lines = flat(originLines(ip, authority, scheme));
      // Copied: a piece of a head would keep all of it in memory for as long as the connection is idle.
      this.linesAre = { ip: flat(ip), authority: flat(authority), scheme };
    }
    return this.lines;
  }
}

/**
 * RFC 7239, and the three older fields for apps that read those. One hop is named, the client: what it claims of hops
 * before it is not passed on. `by` is left out; it would show the platform's insides.
 */
export function originLines(ip: string, authority: string, scheme: Scheme): string {
  const node = isIPv6(ip) ? `[${ip}]` : ip;
  return `forwarded: for=${asValue(node)};host=${asValue(authority)};proto=${scheme}\r\nx-forwarded-for: ${ip}\r\nx-forwarded-host: ${authority}\r\nx-forwarded-proto: ${scheme}\r\n`;
}

/** The same text in one piece, and no piece of another: joined strings are kept as trees of their parts. */
function flat(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

/** A token stands as it is, all else becomes a quoted string (RFC 9110, 5.6.4). */
function asValue(text: string): string {
  return isToken(text) ? text : `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}
