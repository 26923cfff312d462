/**
 * The policies of a route in their order. Each one reads the request as it was received; what they want done is joined in that
 * order, a later change of the same thing winning, and the first answer ends the chain with the edits of those before it.
 */
import { joinEdits } from "../lua/header-edit.ts";
import {
  type HeaderEdit,
  type PolicyChain,
  type PolicyOutcome,
  type PolicyRequest,
  type PolicyResponse,
  PolicyWait,
  UNTOUCHED,
} from "./policy-chain.ts";

export interface ChainLink {
  readonly handlesResponses: boolean;
  onRequest(request: PolicyRequest, mayWait: boolean): PolicyOutcome | PolicyWait;
  onResponse(request: PolicyRequest, response: PolicyResponse): HeaderEdit | null;
}

interface Asked {
  readonly request: PolicyRequest;
  readonly mayWait: boolean;
}

export class LuaChain implements PolicyChain {
  private readonly links: readonly ChainLink[];
  /** Outcomes joined before; forgotten with the decisions they were made of. */
  private readonly joined = new WeakMap<PolicyOutcome, WeakMap<PolicyOutcome, PolicyOutcome>>();

  constructor(links: readonly ChainLink[]) {
    this.links = links;
  }

  get hasResponsePhase(): boolean {
    return this.links.some((link) => link.handlesResponses);
  }

  onRequest(request: PolicyRequest): PolicyOutcome | PolicyWait {
    return this.ask({ request, mayWait: true }, 0, UNTOUCHED);
  }

  onResponse(request: PolicyRequest, response: PolicyResponse): HeaderEdit | null {
    let edit: HeaderEdit | null = null;
    for (const link of this.links) edit = joinEdits(edit, link.onResponse(request, response));
    return edit;
  }

  /** Those from `at` on; `before` is what the others want. */
  private ask(asked: Asked, at: number, before: PolicyOutcome): PolicyOutcome | PolicyWait {
    const link = this.links[at];
    if (link === undefined) return before;
    return this.heard(asked, at, before, link.onRequest(asked.request, asked.mayWait));
  }

  private heard(
    asked: Asked,
    at: number,
    before: PolicyOutcome,
    result: PolicyOutcome | PolicyWait,
  ): PolicyOutcome | PolicyWait {
    if (result instanceof PolicyWait) {
      return new PolicyWait(result.known, (mayWait) =>
        this.heard({ ...asked, mayWait }, at, before, result.goOn(mayWait)),
      );
    }
    const outcome = this.join(before, result);
    return outcome.answer === null ? this.ask(asked, at + 1, outcome) : outcome;
  }

  private join(first: PolicyOutcome, second: PolicyOutcome): PolicyOutcome {
    if (first === UNTOUCHED) return second;
    if (second === UNTOUCHED) return first;
    let bySecond = this.joined.get(first);
    if (bySecond === undefined) {
      bySecond = new WeakMap();
      this.joined.set(first, bySecond);
    }
    let both = bySecond.get(second);
    if (both === undefined) {
      both = joinOutcomes(first, second);
      bySecond.set(second, both);
    }
    return both;
  }
}

function joinOutcomes(first: PolicyOutcome, second: PolicyOutcome): PolicyOutcome {
  return {
    answer: second.answer,
    request: joinEdits(first.request, second.request),
    response: joinEdits(first.response, second.response),
    target: second.target ?? first.target,
    path: second.path ?? first.path,
  };
}
