/** What the rules spend on each request, counted while they decide on the running store. */
import type {
  Rules,
  RulesRequest,
  RulesVerdict,
} from "../../../local/src/firestore/rules/rules.ts";
import { productRules } from "../firestore-world.ts";

export interface Cost {
  /** Expressions evaluated, for the costliest document and for the whole commit. */
  evaluations: number;
  allEvaluations: number;
  /** Distinct documents looked up: production counts them per document and per commit. */
  accesses: number;
  allAccesses: number;
  /** Calls of get, exists and their After forms, as if none were remembered. */
  calls: number;
}

/** The product's rules; what the requests since the last `take` cost together is kept. */
export class MeteredRules implements Rules {
  #cost = nothing();

  take(): Cost {
    const cost = this.#cost;
    this.#cost = nothing();
    return cost;
  }

  check(request: RulesRequest): RulesVerdict {
    const own = new Set<string>();
    const cost = this.#cost;
    const note = (access: string) => {
      own.add(access);
      cost.calls += 1;
    };
    const verdict = productRules.check({
      ...request,
      read: (name) => {
        note(name);
        return request.read(name);
      },
      readAfter: (name) => {
        note(`${name} after`);
        return request.readAfter(name);
      },
    });
    cost.evaluations = Math.max(cost.evaluations, verdict.evaluations);
    cost.allEvaluations += verdict.evaluations;
    cost.accesses = Math.max(cost.accesses, own.size);
    cost.allAccesses = Math.max(cost.allAccesses, request.accessed?.size ?? 0);
    return verdict;
  }
}

function nothing(): Cost {
  return { evaluations: 0, allEvaluations: 0, accesses: 0, allAccesses: 0, calls: 0 };
}
