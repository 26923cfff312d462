/** Rules that a test may exchange while the server runs. */
import { compileRules } from "../rules/compile.ts";
import type { Rules, RulesRequest, RulesVerdict } from "../rules/rules.ts";

export class ReplaceableRules implements Rules {
  #current: Rules;

  constructor(first: Rules) {
    this.#current = first;
  }

  check(request: RulesRequest): RulesVerdict {
    return this.#current.check(request);
  }

  /** Throws RulesSyntaxError and keeps the old rules. */
  replace(source: string): void {
    this.#current = compileRules(source);
  }
}
