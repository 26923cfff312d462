/** The limits of production's rules runtime, enforced so that rules that pass here also pass there. */
import { RulesLimitError } from "./evaluation-error.ts";

/** Numbers from https://firebase.google.com/docs/firestore/quotas#security_rules, apart from the last two. */
export const LIMITS = {
  expressionEvaluations: 1_000,
  callDepth: 20,
  functionArguments: 7,
  letBindings: 10,
  matchDepth: 10,
  captures: 20,
  pathSegments: 100,
  sourceBytes: 256 * 1024,
  /** exists, get, getAfter, existsAfter on distinct documents, for one document of a request. */
  accessesPerDocument: 10,
  /** The same for all documents of one multi-document commit together. */
  accessesPerCommit: 20,
  /** Own limit, against stack exhaustion: how deep expressions may nest. */
  nesting: 60,
  /** Own limit, against memory exhaustion: characters of a text, values in a list or map (those of one document fit). */
  valueSize: 1_048_576,
} as const;

/** Counts the work of one `check` call. */
export class Budget {
  evaluations = 0;
  #depth = 0;
  readonly #own = new Set<string>();
  readonly #shared: Set<string> | null;

  /** `shared` holds what earlier documents of the same commit accessed; null = a single-document request. */
  constructor(shared: Set<string> | null) {
    this.#shared = shared;
  }

  /** Counts a node of the syntax tree; a constant list or map counts as all the nodes it consists of. */
  evaluated(nodes = 1): void {
    this.evaluations += nodes;
    if (this.evaluations > LIMITS.expressionEvaluations) {
      throw new RulesLimitError(
        `more than ${LIMITS.expressionEvaluations} expressions evaluated for one document`,
      );
    }
  }

  /** Begins a function's body, one call deeper. */
  enter(): void {
    if (this.#depth >= LIMITS.callDepth) {
      throw new RulesLimitError(`function calls nest deeper than ${LIMITS.callDepth}`);
    }
    this.#depth += 1;
  }

  leave(): void {
    this.#depth -= 1;
  }

  /** Counts a document access; reading the same version of the same document again is free. */
  accessed(key: string): void {
    if (this.#own.has(key)) return;
    this.#own.add(key);
    if (this.#own.size > LIMITS.accessesPerDocument) {
      throw new RulesLimitError(
        `more than ${LIMITS.accessesPerDocument} documents accessed for one document`,
      );
    }
    this.#shared?.add(key);
    if (this.#shared !== null && this.#shared.size > LIMITS.accessesPerCommit) {
      throw new RulesLimitError(
        `more than ${LIMITS.accessesPerCommit} documents accessed for one commit`,
      );
    }
  }
}
