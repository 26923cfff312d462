/**
 * Scans the header lines of a received head once: checks their syntax, collects the few fields a proxy acts on, and
 * slices out the block to forward in runs between removed lines, so that nothing is re-serialised.
 */

/** RFC 9110 token characters, as the inside of a character class. */
export const TOKEN = "!#$%&'*+\\-.^_`|~0-9A-Za-z";

/** Token names, no blank before the colon, no folded lines, no control characters, CRLF only: the whole syntax check. */
const HEADER_LINES = new RegExp(`(?:[${TOKEN}]+:[\\t\\x20-\\x7e\\x80-\\xff]*\\r\\n)*`, "y");
const TOKEN_ONLY = new RegExp(`^[${TOKEN}]+$`);

/** More header lines than this are refused; nginx and Node stop in the same region. */
export const MAX_HEADER_LINES = 200;

/** Fields a proxy reads. Sorted by length into BY_LENGTH, so most lines cost one array look-up. */
const READ_FIELDS = [
  "te",
  "host",
  "expect",
  "upgrade",
  "connection",
  "traceparent",
  "content-length",
  "x-forwarded-for",
  "transfer-encoding",
  "x-forwarded-proto",
] as const;

export type ReadField = (typeof READ_FIELDS)[number];

/** Meant for one hop only (RFC 9110, 7.6.1); never forwarded in either direction. */
const HOP_BY_HOP = ["te", "keep-alive", "upgrade", "connection", "proxy-connection"];

/** A Connection header may not nominate these away: the message's framing, routing and trace hang on them. */
const NEVER_NOMINATED = new Set([
  "close",
  "keep-alive",
  "upgrade",
  "host",
  "traceparent",
  "content-length",
  "transfer-encoding",
]);

interface FieldRule {
  readonly name: string;
  /** Holds for spellings with `_` in place of `-`, which CGI and its heirs (WSGI, Rack, PHP) take for the same name. */
  readonly isLookAlike: boolean;
  readonly readAs: ReadField | null;
  readonly isRemoved: boolean;
}

export type FieldRules = readonly (readonly FieldRule[] | undefined)[];

/** Rules indexed by the length of the name; `removed` are the fields to drop beside the hop-by-hop ones. */
export function fieldRules(removed: readonly string[]): FieldRules {
  const rules: FieldRule[][] = [];
  const gone = new Set([...HOP_BY_HOP, ...removed]);
  for (const name of new Set([...gone, ...READ_FIELDS])) {
    const readAs = READ_FIELDS.find((field) => field === name) ?? null;
    (rules[name.length] ??= []).push({
      name,
      isLookAlike: false,
      readAs,
      isRemoved: gone.has(name),
    });
  }
  for (const name of removed) {
    rules[name.length]?.push({ name, isLookAlike: true, readAs: null, isRemoved: true });
  }
  return rules;
}

export interface HeaderBlock {
  /** Lines to forward, each ending with CRLF. */
  readonly forwarded: string;
  /** Values in order of appearance, trimmed. */
  readonly fields: Readonly<Record<ReadField, readonly string[] | undefined>>;
  /** Lower-case tokens of all Connection lines. */
  readonly connection: ReadonlySet<string>;
  readonly lines: number;
}

const NO_TOKENS: ReadonlySet<string> = new Set();

/** One shape for all: an object that grows by what it finds makes V8 look each field up by its name. */
class ReadFields implements Record<ReadField, string[] | undefined> {
  te: string[] | undefined = undefined;
  host: string[] | undefined = undefined;
  expect: string[] | undefined = undefined;
  upgrade: string[] | undefined = undefined;
  connection: string[] | undefined = undefined;
  traceparent: string[] | undefined = undefined;
  "content-length": string[] | undefined = undefined;
  "x-forwarded-for": string[] | undefined = undefined;
  "transfer-encoding": string[] | undefined = undefined;
  "x-forwarded-proto": string[] | undefined = undefined;
}

/**
 * The header lines are what `text` has from `from` up to `to`, without the empty line behind them; null = malformed. They
 * are read where they stand, because looking into a slice costs more at each character.
 */
export function scanHeaders(
  text: string,
  from: number,
  to: number,
  rules: FieldRules,
): HeaderBlock | null {
  if (!areLines(text, from, to)) return null;
  const fields = new ReadFields();
  let forwarded = "";
  let runStart = from;
  let lines = 0;
  for (let at = from; at < to; lines++) {
    const end = text.indexOf("\n", at) + 1;
    const colon = text.indexOf(":", at);
    const rule = ruleFor(text, at, colon - at, rules);
    if (rule !== undefined) {
      if (rule.readAs !== null) {
        (fields[rule.readAs] ??= []).push(trimmed(text, colon + 1, end - 2));
      }
      if (rule.isRemoved) {
        if (at > runStart) forwarded += text.slice(runStart, at);
        runStart = end;
      }
    }
    at = end;
  }
  if (to > runStart) forwarded += text.slice(runStart, to);
  const connection = fields.connection === undefined ? NO_TOKENS : tokensOf(fields.connection);
  return { forwarded: withoutNominated(forwarded, connection), fields, connection, lines };
}

function areLines(text: string, from: number, to: number): boolean {
  HEADER_LINES.lastIndex = from;
  HEADER_LINES.test(text);
  return HEADER_LINES.lastIndex === to;
}

function ruleFor(
  block: string,
  at: number,
  length: number,
  rules: FieldRules,
): FieldRule | undefined {
  const named = rules[length];
  if (named === undefined) return undefined;
  for (const rule of named) {
    const isMatch = rule.isLookAlike ? looksLike : hasName;
    if (isMatch(block, at, rule.name)) return rule;
  }
  return undefined;
}

/** Where the name has a hyphen an underscore will do: with bit 5 set it is DEL, which the syntax check excludes. */
function looksLike(block: string, at: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = block.charCodeAt(at + i) | 32;
    if ((code === 127 ? 45 : code) !== name.charCodeAt(i)) return false;
  }
  return true;
}

/** Setting bit 5 lowers ASCII letters and leaves the hyphen as it is; the syntax check excludes look-alikes. */
function hasName(block: string, at: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if ((block.charCodeAt(at + i) | 32) !== name.charCodeAt(i)) return false;
  }
  return true;
}

/** Spaces and tabs alone (RFC 9110, 5.6.3): `trim` takes U+00A0 away too, and what it leaves is another value elsewhere. */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

const KEEP_ALIVE: ReadonlySet<string> = new Set(["keep-alive"]);

/** Lower-case tokens of fields that are lists of them. */
export function tokensOf(values: readonly string[]): ReadonlySet<string> {
  // What nearly every Connection line says.
  if (values.length === 1 && values[0] === "keep-alive") return KEEP_ALIVE;
  const tokens = values.flatMap((value) => value.split(","));
  return new Set(
    tokens
      .map((token) => trimmed(token, 0, token.length).toLowerCase())
      .filter((token) => token !== ""),
  );
}

/** Headers a Connection line names are hop-by-hop too. Rare, so plain lines are good enough here. */
function withoutNominated(forwarded: string, connection: ReadonlySet<string>): string {
  if (connection.size === 0 || connection === KEEP_ALIVE) return forwarded;
  const nominated = [...connection].filter((token) => !NEVER_NOMINATED.has(token));
  return nominated.length === 0 ? forwarded : withoutFields(forwarded, nominated);
}

/** A block of well-formed lines without the fields of these lower-case names. */
export function withoutFields(block: string, names: readonly string[]): string {
  return block
    .split(/(?<=\r\n)/)
    .filter((line) => !names.includes(line.slice(0, line.indexOf(":")).toLowerCase()))
    .join("");
}

/**
 * Fields that decide about framing, routing or who the client is: as trailers they would speak after the decision, and
 * a replica that merges trailers into the head would believe them (RFC 9110, 6.5.1).
 */
const NO_TRAILERS = new Set([
  "host",
  "forwarded",
  "connection",
  "content-length",
  "x-forwarded-for",
  "transfer-encoding",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-bifrost-request-id",
]);

/** Whether `block` is well-formed lines of fields that may come behind a body. */
export function areTrailers(block: string): boolean {
  if (!areLines(block, 0, block.length)) return false;
  const lines = block.split("\r\n");
  return !lines.some((line) => NO_TRAILERS.has(line.slice(0, line.indexOf(":")).toLowerCase()));
}

/** The first value of a field in a block of well-formed lines; `name` is lower case. */
export function fieldIn(block: string, name: string): string | undefined {
  for (let at = 0; at < block.length;) {
    const end = block.indexOf("\n", at) + 1;
    if (block.charCodeAt(at + name.length) === 58 && hasName(block, at, name)) {
      return trimmed(block, at + name.length + 1, end - 2);
    }
    at = end;
  }
  return undefined;
}

export function isToken(text: string): boolean {
  return TOKEN_ONLY.test(text);
}
