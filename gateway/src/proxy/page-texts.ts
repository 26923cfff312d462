/** What the gateway's own pages say: what happened, and what a visitor or the owner of the app can do about it. */

export interface PageText {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** What whoever sees the page can do; null = nothing. */
  readonly advice: string | null;
  /** What the owner of the app can do; null = nothing. */
  readonly ownerAdvice: string | null;
  /** When it may be worth to try again; browsers do so by themselves. null = never as it is. */
  readonly retryAfterSeconds: number | null;
}

const TRY_LATER = "Try again in a moment. If it stays like this, tell the owner of the site.";

export const PAGES = {
  "bad-request": {
    status: 400,
    title: "Bad request",
    detail: "The request is not valid HTTP/1.1.",
    advice: null,
    ownerAdvice: null,
    retryAfterSeconds: null,
  },
  "ambiguous-path": {
    status: 400,
    title: "Ambiguous path",
    detail:
      "Programs read this path in different ways: it has a .., a #, a broken % escape, or a separator that is doubled or escaped.",
    advice: "Ask for the path that is meant, without detours.",
    ownerAdvice: null,
    retryAfterSeconds: null,
  },
  "request-too-large": {
    status: 413,
    title: "The request is too large",
    detail: "Its body is larger than is accepted here.",
    advice: "Send less at once.",
    ownerAdvice: null,
    retryAfterSeconds: null,
  },
  "target-too-long": {
    status: 414,
    title: "The address is too long",
    detail: "The request target is longer than is accepted here.",
    advice: null,
    ownerAdvice: null,
    retryAfterSeconds: null,
  },
  "expectation-failed": {
    status: 417,
    title: "The expectation cannot be met",
    detail: "The only expectation that can be met here is 100-continue.",
    advice: null,
    ownerAdvice: null,
    retryAfterSeconds: null,
  },
  "policy-failed": {
    status: 500,
    title: "A policy failed",
    detail:
      "A policy of this route failed, so it could not be decided whether to let the request through.",
    advice: "Tell the owner of the site, with the request number below.",
    ownerAdvice: "bifrost policies logs <name> shows the script, the line and the stack.",
    retryAfterSeconds: null,
  },
  "policy-missing": {
    status: 503,
    title: "A policy is missing",
    detail:
      "A policy of this route is not loaded, so it could not be decided whether to let the request through.",
    advice: TRY_LATER,
    ownerAdvice:
      "bifrost policies list shows which are there; bifrost policies attached which run.",
    retryAfterSeconds: 5,
  },
  starting: {
    status: 503,
    title: "The gateway is starting",
    detail: "It does not know all routes and replicas yet; this takes seconds.",
    advice: "Nothing to do: a browser tries again by itself.",
    ownerAdvice: null,
    retryAfterSeconds: 1,
  },
  "unknown-host": {
    status: 404,
    title: "Nothing is served here",
    detail: "No project has this host name.",
    advice: "Check the address for a typing error.",
    ownerAdvice:
      "bifrost routes list shows the hosts of a project, bifrost domains add claims one.",
    retryAfterSeconds: null,
  },
  "no-release": {
    status: 503,
    title: "Not deployed yet",
    detail: "The project exists, but none of its deployments has become healthy so far.",
    advice: "Come back later: a browser tries again by itself.",
    ownerAdvice: "bifrost status shows how far the newest deployment is, or why it failed.",
    retryAfterSeconds: 5,
  },
  "no-backend": {
    status: 503,
    title: "The app is not ready",
    detail: "There is a release, but none of its replicas is ready to answer: they start, or fail.",
    advice: TRY_LATER,
    ownerAdvice: "bifrost status and bifrost logs show what the replicas are doing.",
    retryAfterSeconds: 2,
  },
  overloaded: {
    status: 503,
    title: "Too busy",
    detail: "Every replica already has as many connections as it may have.",
    advice: TRY_LATER,
    ownerAdvice: "More replicas take more at once: max_replicas below [scaling] in deploy.toml.",
    retryAfterSeconds: 1,
  },
  "upstream-failed": {
    status: 502,
    title: "The app did not answer properly",
    detail: "The connection to the app failed or broke off before a complete answer arrived.",
    advice: TRY_LATER,
    ownerAdvice: "bifrost logs shows whether the app crashed.",
    retryAfterSeconds: null,
  },
  "upstream-timeout": {
    status: 504,
    title: "The app took too long",
    detail: "The app accepted the request but did not answer in time.",
    advice: TRY_LATER,
    ownerAdvice: "bifrost logs shows what the app was doing.",
    retryAfterSeconds: null,
  },
  "file-not-found": {
    status: 404,
    title: "No such page",
    detail: "The site has no file of this name.",
    advice: "Check the address for a typing error.",
    ownerAdvice: null,
    retryAfterSeconds: null,
  },
  "files-unavailable": {
    status: 503,
    title: "The file cannot be read at the moment",
    detail: "The site is known, but the storage that holds its files did not answer properly.",
    advice: TRY_LATER,
    ownerAdvice: null,
    retryAfterSeconds: 2,
  },
  "request-timeout": {
    status: 408,
    title: "The request took too long",
    detail: "The rest of the request did not arrive in time.",
    advice: "Check the connection and try again.",
    ownerAdvice: null,
    retryAfterSeconds: null,
  },
} as const satisfies Record<string, PageText>;

export type PageKind = keyof typeof PAGES;
