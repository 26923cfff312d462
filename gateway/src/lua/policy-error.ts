/** What went wrong inside a script, for its author: never shown to the clients of the gateway. */

/**
 * error: raised by Lua or by the script. budget: it ran for too long. memory: its state is full. dead: the last resort had to
 * end it and the state is lost. load: it could not be compiled.
 */
export type PolicyErrorKind = "error" | "budget" | "memory" | "dead" | "load";

export interface PolicyErrorFacts {
  readonly kind: PolicyErrorKind;
  readonly script: string;
  /** null where none is known. */
  readonly line: number | null;
  readonly message: string;
  /** One frame a line, innermost first; "" when there was none to take. */
  readonly stack: string;
}

export class PolicyError extends Error {
  override readonly name = "PolicyError";
  readonly kind: PolicyErrorKind;
  readonly script: string;
  readonly line: number | null;
  /** Without script and line. */
  readonly reason: string;
  readonly luaStack: string;

  constructor({ kind, script, line, message, stack }: PolicyErrorFacts) {
    super(line === null ? `${script}: ${message}` : `${script}:${line}: ${message}`);
    this.kind = kind;
    this.script = script;
    this.line = line;
    this.reason = message;
    this.luaStack = stack;
  }
}
