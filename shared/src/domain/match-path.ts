/**
 * The one spelling of a path that prefixes are compared with. Apps read a path in different ways: some decode `%2f`,
 * some treat `\` as `/`, some drop `;params`, empty segments or `.`. What a route attaches to a prefix must hold for all
 * of them, so the most decoded reading counts here; the app still gets the path as it was sent.
 */

/** Without any of these a path is its own normal form. */
const UNSETTLED = /[%\\;#]|\/\/|\/\.\.?(?:\/|$)/;
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
/** NUL, and `.`, `/` and `\` as UTF-8 of two bytes, which some old decoders accept. */
const FORBIDDEN = /\0|\xc0[\xae\xaf]|\xc1\x9c/;

/** Whether every reader takes the path for the same. */
export function isPlainPath(path: string): boolean {
  return !UNSETTLED.test(path);
}

/**
 * `path` begins with "/" and has no query; characters above U+007F are bytes. Escapes are decoded once, except that `%`
 * stays `%25`. null when the path has no safe meaning: a broken escape, NUL, a `#`, or a `..`, which some apps resolve
 * and others take for a name.
 */
export function matchPath(path: string): string | null {
  if (isPlainPath(path)) return path;
  if (path.includes("#") || BAD_ESCAPE.test(path)) return null;
  const decoded = decodeEscapes(path);
  if (FORBIDDEN.test(decoded)) return null;
  const segments: string[] = [];
  for (const part of decoded.split(/[/\\]/)) {
    const segment = nameOf(part);
    if (segment === "..") return null;
    if (segment !== "" && segment !== ".") segments.push(segment.replaceAll("%", "%25"));
  }
  return `/${segments.join("/")}`;
}

/** Of a path that has a normal form; without a final "/". */
export function normalPrefix(path: string): string {
  const normal = matchPath(path) ?? path;
  return normal.length > 1 ? normal.replace(/\/$/, "") : normal;
}

/** The reading of an app that decodes names but neither drops nor splits anything. `path` has no broken escape. */
export function literalPath(path: string): string {
  return path.replaceAll(/%(?!25|2f|5c|3b)[0-9a-f]{2}/gi, decodeEscapes);
}

/** Whether `path`, in normal form, lies at or below the prefix; `/api` holds for `/api` and `/api/x`, not for `/apix`. */
export function isBelow(path: string, prefix: string): boolean {
  return (
    prefix === "/" ||
    (path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === "/"))
  );
}

/** Separators and the segment behind them, as some reader may see them. */
const PIECE = /(?:[/\\]|%2f|%5c)+((?:(?!%2f|%5c)[^/\\])*)/gi;
const LEADING_SEPARATORS = /^(?:[/\\]|%2f|%5c)+/i;

/**
 * What of a request target, query included, lies below the prefix that its path matches: "" or a path with one "/" in
 * front, or a bare query. Never begins with "//", which a browser would take for another host.
 */
export function restBelow(target: string, prefix: string): string {
  if (target === "*") return "";
  const query = target.indexOf("?");
  const path = query < 0 ? target : target.slice(0, query);
  const rest = isPlainPath(path)
    ? path.slice(prefix === "/" ? 0 : prefix.length)
    : behind(path, prefix === "/" ? 0 : prefix.split("/").length - 1);
  return rest.replace(LEADING_SEPARATORS, "/") + (query < 0 ? "" : target.slice(query));
}

/** What follows the first `count` segments that have a name. */
function behind(path: string, count: number): string {
  let left = count;
  for (const piece of path.matchAll(PIECE)) {
    if (left === 0) return path.slice(piece.index);
    const segment = nameOf(decodeEscapes(piece[1] ?? ""));
    if (segment !== "" && segment !== ".") left--;
  }
  return "";
}

function nameOf(segment: string): string {
  const params = segment.indexOf(";");
  return params < 0 ? segment : segment.slice(0, params);
}

function decodeEscapes(text: string): string {
  return text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
