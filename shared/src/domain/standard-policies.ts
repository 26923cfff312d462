/**
 * The policies that come with every gateway: `gateway/policies/<name>.lua`, attached as `standard/<name>`. Their settings are
 * written down here as well, so that a wrong one is refused when it is attached and not when the first request comes.
 */
import * as v from "valibot";
import { STANDARD_PREFIX } from "./policy.ts";
import type { StandardPolicy } from "./policy-settings.ts";

const NETWORKS = {
  type: "list",
  pattern: { test: isNetwork },
  must: "be an address or a CIDR block, such as 10.0.0.0/8",
} as const;
const HEADER = { pattern: /^[\w!#$%&'*+.^`|~-]+$/, must: "be the name of a header" } as const;
const WORD = { pattern: /^[\w-]+$/, must: "be made of letters, digits, - and _" } as const;
const LINE = {
  pattern: /^[\w!#$%&'*+.^`|~-]+:\P{Cc}*$/u,
  must: 'be "name: value"',
} as const;
/** Of framing and routing. */
const OWN_FIELD =
  /^(?:connection|content-length|expect|forwarded|host|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|x-forwarded-.*|x-bifrost-.*)$/i;

const rateLimit: StandardPolicy = {
  about: "so many requests per second and client, by address, header or cookie",
  settings: {
    rate: {
      type: "number",
      about: "requests a second in the long run",
      default: 10,
      min: 0.001,
      max: 1_000_000,
    },
    burst: {
      type: "number",
      about: "requests at once after a pause; by default the rate",
      min: 1,
      max: 1_000_000,
    },
    by: {
      type: "string",
      about: "what tells clients apart",
      default: "address",
      oneOf: ["address", "header", "cookie"],
    },
    name: {
      type: "string",
      about: "of the header or cookie",
      pattern: /^[^]/,
      must: "not be empty",
    },
    mode: {
      type: "string",
      about: "how the nodes of a gateway count together: strict is exact, split asks nobody",
      default: "balanced",
      oneOf: ["balanced", "strict", "split"],
    },
    status: {
      type: "number",
      about: "of the answer to what is too much",
      default: 429,
      min: 400,
      max: 599,
    },
    message: { type: "string", about: "its text", default: "Too many requests.\n" },
  },
  conflict: ({ by = "address", name }) => {
    if (by === "address") {
      return name === undefined ? null : "name has no use by address: set by to header or cookie";
    }
    return name === undefined ? `name is missing: it names the ${String(by)} to limit by` : null;
  },
  example: "--set rate=10 burst=20",
};

const abSplit: StandardPolicy = {
  about: "shares of the traffic for the named targets of a route, sticky by cookie or header",
  settings: {
    targets: {
      type: "list",
      about: "shares by target, such as stable=90",
      isRequired: true,
      pattern: /^[\w.-]+=\d+\.?\d*$/,
      must: "be name=share",
    },
    by: {
      type: "string",
      about: "what keeps a visitor on one target",
      default: "cookie",
      oneOf: ["cookie", "header", "address"],
    },
    name: { type: "string", about: 'of the cookie ("bifrost_split") or header', ...WORD },
    max_age: {
      type: "number",
      about: "seconds that the cookie lives",
      default: 2_592_000,
      min: 0,
      max: 34_560_000,
    },
  },
  conflict: ({ by, name, targets }) => {
    if (by === "header" && name === undefined)
      return "name is missing: it names the header to split by";
    const shares = Array.isArray(targets) ? targets.map((target) => target.split("=")) : [];
    const names = shares.map(([target]) => target);
    if (new Set(names).size < names.length) return "targets names one twice";
    return shares.some(([, share]) => Number(share) > 0) ? null : "targets needs a share above 0";
  },
  example: `--set 'targets=["stable=90", "next=10"]'`,
};

const headers: StandardPolicy = {
  about: "sets and removes header fields of requests and responses",
  settings: {
    request_set: { type: "list", about: 'each "name: value", for the app', default: [], ...LINE },
    request_remove: { type: "list", about: "names", default: [], ...HEADER },
    response_set: {
      type: "list",
      about: 'each "name: value", for the client',
      default: [],
      ...LINE,
    },
    response_remove: { type: "list", about: "names", default: [], ...HEADER },
  },
  conflict: (config) => {
    for (const [name, lines] of Object.entries(config)) {
      const own = [lines]
        .flat()
        .find((line) => OWN_FIELD.test(String(line).split(":", 1)[0] ?? ""));
      if (own !== undefined)
        return `${name} must not be a header of the gateway's own, not "${own}"`;
    }
    return null;
  },
  example: `--set 'response_set=["x-frame-options: DENY"]'`,
};

const basicAuth: StandardPolicy = {
  about: "asks for a user name and a password",
  settings: {
    users: {
      type: "list",
      about: "each name:sha256 or name:salt:sha256; sha256 by printf %s SALTPASSWORD | sha256sum",
      isRequired: true,
      pattern: /^[^:]+:(?:[^:]*:)?[\da-f]{64}$/i,
      must: "be name:sha256 or name:salt:sha256, the digest in 64 hexadecimal digits",
    },
    realm: {
      type: "string",
      about: "what the browser shows",
      default: "restricted",
      pattern: /^[^\p{Cc}"\\]*$/u,
      must: "not have quotes, backslashes or control characters",
    },
    keep_header: {
      type: "boolean",
      about: "whether the app gets the Authorization header",
      default: false,
    },
  },
  conflict: ({ users }) => {
    const names = Array.isArray(users) ? users.map((user) => user.split(":")[0]) : [];
    return new Set(names).size < names.length ? "users names one twice" : null;
  },
  example: `--set 'users=["ada:<sha256 of her password>"]'`,
};

const ipAllow: StandardPolicy = {
  about: "lets in only the addresses and networks on a list",
  settings: {
    allow: { about: "who may come in; empty = everyone", default: [], ...NETWORKS },
    deny: { about: "who may not, even if allowed", default: [], ...NETWORKS },
    status: {
      type: "number",
      about: "of the answer to the rest",
      default: 403,
      min: 400,
      max: 599,
    },
    message: { type: "string", about: "its text", default: "Access denied.\n" },
  },
  conflict: ({ allow = [], deny = [] }) =>
    [allow, deny].flat().length === 0
      ? "allow is missing: one of allow and deny must list addresses"
      : null,
  example: `--set 'allow=["10.0.0.0/8"]'`,
};

const cors: StandardPolicy = {
  about: "answers preflight requests and names the origins that may read",
  settings: {
    origins: {
      type: "list",
      about: "exact origins, or * alone for any",
      isRequired: true,
      pattern: /^(?:\*|https?:\/\/[^/\sA-Z]+)$/,
      must: "be * or scheme and host, such as https://shop.example, in lower case and without a path",
    },
    methods: {
      type: "list",
      about: "beside GET, HEAD and POST",
      default: [],
      pattern: HEADER.pattern,
      must: "be the name of a method",
    },
    headers: { type: "list", about: "request fields; * = any", default: [], ...HEADER },
    expose: { type: "list", about: "response fields for pages", default: [], ...HEADER },
    credentials: {
      type: "boolean",
      about: "whether cookies are sent along; needs exact origins",
      default: false,
    },
    max_age: {
      type: "number",
      about: "seconds that a preflight answer is kept",
      default: 600,
      min: 0,
      max: 86_400,
    },
  },
  conflict: ({ origins = [], headers: fields = [], credentials }) => {
    const isAny = Array.isArray(origins) && origins.includes("*");
    if (isAny && origins.length > 1) return "origins must be either * alone or exact origins";
    if (isAny && credentials === true) return "credentials needs exact origins";
    return Array.isArray(fields) && fields.includes("*") && fields.length > 1
      ? "headers must be either * alone or names"
      : null;
  },
  example: `--set 'origins=["https://shop.example"]'`,
};

const maintenance: StandardPolicy = {
  about: "answers 503 with a page, except to the addresses on a list",
  settings: {
    message: {
      type: "string",
      about: "text of the answer",
      default: "Down for maintenance. Please try again later.\n",
    },
    content_type: {
      type: "string",
      about: "of the message",
      default: "text/plain; charset=utf-8",
      pattern: /^\P{Cc}*$/u,
      must: "not have control characters",
    },
    retry_after: {
      type: "number",
      about: "seconds until it is worth to come back",
      default: 300,
      min: 1,
      max: 604_800,
    },
    allow: { about: "who passes all the same", default: [], ...NETWORKS },
    bypass_header: { type: "string", about: "header that carries the secret", ...WORD },
    bypass_cookie: { type: "string", about: "cookie that carries the secret", ...WORD },
    bypass_secret: {
      type: "string",
      about: "who sends it passes",
      pattern: /^[^]{16}/,
      must: "have at least 16 characters",
    },
  },
  conflict: ({ bypass_header: header, bypass_cookie: cookie, bypass_secret: secret }) => {
    const isCarried = header !== undefined || cookie !== undefined;
    if (isCarried && secret === undefined) return "bypass_secret is missing";
    return isCarried || secret === undefined ? null : "bypass_header or bypass_cookie is missing";
  },
  example: `--set retry_after=600 'allow=["10.0.0.0/8"]'`,
};

export const STANDARD_POLICIES: Readonly<Record<string, StandardPolicy>> = {
  "rate-limit": rateLimit,
  "ab-split": abSplit,
  headers,
  "basic-auth": basicAuth,
  "ip-allow": ipAllow,
  cors,
  maintenance,
};

/** `reference` as attachments spell it; null = there is none of this name. */
export function standardPolicy(reference: string): StandardPolicy | null {
  if (!reference.startsWith(STANDARD_PREFIX)) return null;
  const name = reference.slice(STANDARD_PREFIX.length);
  return Object.hasOwn(STANDARD_POLICIES, name) ? (STANDARD_POLICIES[name] ?? null) : null;
}

function isNetwork(text: string): boolean {
  const [, address = "", bits = "0"] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  if (v.IPV4_REGEX.test(address)) return Number(bits) <= 32;
  return v.IPV6_REGEX.test(address) && Number(bits) <= 128;
}
