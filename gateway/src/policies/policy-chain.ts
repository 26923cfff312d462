/**
 * What the proxy knows of policies: it offers a request and gets back what to do with it. All strings are latin1, as on
 * the wire; nothing here throws.
 */

/** What policies may read of a request. */
export interface PolicyRequest {
  readonly method: string;
  /** Path and query as received, such as `/a?b=c`. */
  readonly target: string;
  /** Lower case, without a port. */
  readonly host: string;
  /** Address of the client. */
  readonly ip: string;
  readonly scheme: "http" | "https";
  readonly id: string;
  readonly projectId: string;
  /** The first value of a header; `name` is lower case. */
  header(name: string): string | undefined;
}

export interface PolicyResponse {
  readonly status: number;
  header(name: string): string | undefined;
}

/** Changes to a block of header lines; made once for each distinct decision and then used again. */
export interface HeaderEdit {
  /** Names of lines to drop, in lower case and with `-` for `_`, which stands for both. */
  readonly removed: readonly string[];
  /** Complete lines to append, each ending with CRLF; "" = none. Their names are among `removed` unless they were added. */
  readonly added: string;
  /** `block` is header lines, each ending with CRLF. */
  apply(block: string): string;
}

/** An answer given in place of the app's. */
export interface PolicyAnswer {
  /** 200 to 599. */
  readonly status: number;
  /** Header lines, each ending with CRLF; without content-length. */
  readonly headers: string;
  readonly body: string;
  /** A page of the gateway's own, in place of headers and body. */
  readonly page?: "policy-failed" | "policy-missing";
}

export interface PolicyOutcome {
  /** null = go on. */
  readonly answer: PolicyAnswer | null;
  /** null = unchanged. */
  readonly request: HeaderEdit | null;
  /** For whatever response there will be, the gateway's own pages included. */
  readonly response: HeaderEdit | null;
  /** Name or deployment id of the route's target to use; null = by weight. */
  readonly target: string | null;
  /** Replaces the target of the request line; null = unchanged. */
  readonly path: string | null;
}

export const UNTOUCHED: PolicyOutcome = {
  answer: null,
  request: null,
  response: null,
  target: null,
  path: null,
};

/** Of a request that is not decided yet, because the answer of a limit is not known here. */
export class PolicyWait {
  /** Resolves when it is worth going on; does not reject. */
  readonly known: Promise<void>;
  /**
   * Asks the policy that waits once more, from its start, then those after it. Without `mayWait` what is still not known
   * counts as over the limit, and the request is decided.
   */
  readonly goOn: (mayWait: boolean) => PolicyOutcome | PolicyWait;

  constructor(known: Promise<void>, goOn: PolicyWait["goOn"]) {
    this.known = known;
    this.goOn = goOn;
  }
}

/** The policies of one route in their order. */
export interface PolicyChain {
  onRequest(request: PolicyRequest): PolicyOutcome | PolicyWait;
  /** Whether onResponse has anything to run. */
  readonly hasResponsePhase: boolean;
  /** null = unchanged. */
  onResponse(request: PolicyRequest, response: PolicyResponse): HeaderEdit | null;
}
