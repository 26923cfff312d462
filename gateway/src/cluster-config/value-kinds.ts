/** The kinds of value that a field of the file can have: what is allowed, how it is read, what to write instead. */
import { isIP } from "node:net";
import { closest } from "@bifrost/shared/app-config/closest";
import { isPrivateUrl } from "@bifrost/shared/domain/private-url";
import { parseDurationMs } from "@bifrost/shared/domain/time";
import { networkOf } from "./network.ts";
import { described, type JsonPath, kindOf, type Problems } from "./problems.ts";

/** Where a value stands, and where to say that it is not allowed. */
export interface Place {
  readonly path: JsonPath;
  readonly problems: Problems;
}

export interface ValueKind<T> {
  /** What is allowed, in words. */
  readonly expects: string;
  /** As JSON text. */
  readonly example: string;
  /** Undefined = not allowed, and said so. */
  read(found: unknown, place: Place): T | undefined;
}

interface Plain<T> {
  readonly expects: string;
  readonly example: string;
  /** Undefined = not allowed. */
  readonly accept: (found: unknown) => T | undefined;
  /** A likely correction, as JSON text. */
  readonly correct?: (found: unknown) => string | undefined;
  readonly isSecret?: boolean;
}

function plain<T>({ accept, correct, isSecret, ...words }: Plain<T>): ValueKind<T> {
  return {
    ...words,
    read(found, { path, problems }) {
      const value = accept(found);
      if (value !== undefined) return value;
      const correction = correct?.(found);
      problems.add({
        path,
        found: isSecret === true ? kindOf(found) : described(found),
        allowed: words.expects,
        remedy:
          correction === undefined
            ? `write for example ${words.example}`
            : `did you mean ${correction}?`,
      });
      return undefined;
    },
  };
}

export function flag(): ValueKind<boolean> {
  return plain({
    expects: "true or false",
    example: "true",
    accept: (found) => (typeof found === "boolean" ? found : undefined),
    correct: (found) => (found === "true" || found === "false" ? found : undefined),
  });
}

export function integer(min: number, max: number, example: number): ValueKind<number> {
  const isAllowed = (found: unknown): found is number =>
    Number.isInteger(found) && Number(found) >= min && Number(found) <= max;
  return plain({
    expects: `a whole number from ${min} to ${max}`,
    example: String(example),
    accept: (found) => (isAllowed(found) ? found : undefined),
    correct: (found) => (isAllowed(digits(found)) ? String(digits(found)) : undefined),
  });
}

export function port(example: number): ValueKind<number> {
  return integer(1, 65_535, example);
}

/** PostgreSQL's port is written as text by many. */
export function portOrText(example: number): ValueKind<number> {
  const whole = port(example);
  return {
    expects: `${whole.expects}, or the same in quotes`,
    example: `"${example}"`,
    read: (found, place) => whole.read(digits(found) ?? found, place),
  };
}

function digits(found: unknown): number | undefined {
  return typeof found === "string" && /^\d{1,9}$/.test(found) ? Number(found) : undefined;
}

/** Seconds as a number; in milliseconds. */
export function seconds(min: number, max: number, example: number): ValueKind<number> {
  return plain({
    expects: `a number of seconds from ${min} to ${max}`,
    example: String(example),
    accept: (found) =>
      typeof found === "number" && found >= min && found <= max
        ? Math.round(found * 1000)
        : undefined,
    correct(found) {
      const ms = typeof found === "string" ? parseDurationMs(found) : undefined;
      return ms === undefined ? undefined : String(ms / 1000);
    },
  });
}

/** `"10s"`; in milliseconds. */
export function duration(min: string, max: string, example: string): ValueKind<number> {
  const [least = 0, most = 0] = [parseDurationMs(min), parseDurationMs(max)];
  return plain({
    expects: `a time from "${min}" to "${max}" with its unit (ms, s, m, h)`,
    example: `"${example}"`,
    accept(found) {
      const ms = typeof found === "string" ? parseDurationMs(found) : undefined;
      return ms !== undefined && ms >= least && ms <= most ? ms : undefined;
    },
    correct: (found) => (/^\d{1,6}$/.test(String(found)) ? `"${String(found)}s"` : undefined),
  });
}

export function oneOf<const Word extends string>(words: readonly Word[]): ValueKind<Word> {
  return plain({
    expects: words.map((word) => `"${word}"`).join(", "),
    example: `"${words[0]}"`,
    accept: (found) => words.find((word) => word === found),
    correct(found) {
      const nearest = typeof found === "string" ? closest(found, words) : undefined;
      return nearest === undefined ? undefined : `"${nearest}"`;
    },
  });
}

interface Text {
  readonly expects: string;
  readonly example: string;
  readonly pattern: RegExp;
  readonly isSecret?: boolean;
}

export function text({ pattern, example, ...rest }: Text): ValueKind<string> {
  return plain({
    ...rest,
    example: JSON.stringify(example),
    accept: (found) => (typeof found === "string" && pattern.test(found) ? found : undefined),
  });
}

export function name(example: string): ValueKind<string> {
  return text({
    expects: "1 to 63 letters, digits, dots, dashes and underscores, a letter or digit first",
    example,
    pattern: /^[A-Za-z0-9][\w.-]{0,62}$/,
  });
}

export function hostName(example: string): ValueKind<string> {
  return text({
    expects: "a host name or an IP address",
    example,
    pattern: /^(?=.{1,253}$)[A-Za-z0-9_:](?:[\w.:-]*[A-Za-z0-9_:.])?$/,
  });
}

export function ipAddress(example: string): ValueKind<string> {
  return plain({
    expects: "an IP address",
    example: `"${example}"`,
    accept: (found) => (typeof found === "string" && isIP(found) !== 0 ? found : undefined),
    correct: (found) => (found === "localhost" ? '"127.0.0.1"' : undefined),
  });
}

/** A block is written by its first address: with another one it is unclear whether a network or a host is meant. */
export function network(): ValueKind<string> {
  return plain({
    expects: "an IP network in CIDR notation, written with its first address",
    example: '"10.0.0.0/8"',
    accept: (found) =>
      typeof found === "string" && networkOf(found) === found.toLowerCase() ? found : undefined,
    correct(found) {
      const first = typeof found === "string" ? networkOf(found) : null;
      return first === null ? undefined : `"${first}"`;
    },
  });
}

/** `http` or `https`, host and port: paths and queries mean nothing there, and secrets have variables of their own. */
export function serverUrl(example: string): ValueKind<string> {
  return plain({
    expects: "an http or https URL of host and port, without user, password, path and query",
    example: `"${example}"`,
    accept(found) {
      if (typeof found !== "string" || !URL.canParse(found)) return undefined;
      const { protocol, origin, href } = new URL(found);
      return /^https?:$/.test(protocol) && href === `${origin}/` ? origin : undefined;
    },
    correct: (found) =>
      typeof found === "string" && /^[\w.-]+:\d{1,5}$/.test(found)
        ? `"http://${found}"`
        : undefined,
  });
}

/** Prompts travel encrypted unless they stay on this machine. */
export function providerUrl(example: string): ValueKind<URL> {
  return plain({
    expects: "an https URL without user, password, query and fragment; http on this machine only",
    example: `"${example}"`,
    accept(found) {
      if (typeof found !== "string" || found.length > 512 || !URL.canParse(found)) return undefined;
      const url = new URL(found);
      const { origin, pathname, href } = url;
      return isPrivateUrl(url) && href === `${origin}${pathname}` ? url : undefined;
    },
  });
}

/** A list of objects, each to be read by fields of its own. */
export function objects(most: number): ValueKind<readonly unknown[]> {
  return listOf({ expects: "an object", example: "{}", read: (found) => found ?? null }, most);
}

export function listOf<T>(item: ValueKind<T>, most: number): ValueKind<readonly T[]> {
  return {
    expects: `a list of at most ${most}, each ${item.expects}`,
    example: `[${item.example}]`,
    read(found, place) {
      if (!Array.isArray(found) || found.length > most) {
        const remedy =
          typeof found === "string"
            ? "put it into brackets"
            : `write for example [${item.example}]`;
        const what = Array.isArray(found) ? `a list of ${found.length}` : described(found);
        place.problems.add({ path: place.path, found: what, allowed: this.expects, remedy });
        return undefined;
      }
      const items = found.map((one: unknown, index) =>
        item.read(one, { ...place, path: [...place.path, index] }),
      );
      const read = items.filter((one) => one !== undefined);
      return read.length === items.length ? read : undefined;
    },
  };
}
