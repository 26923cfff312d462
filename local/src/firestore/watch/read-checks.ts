/** Whether a target may be read, asked of the rules once however many ask the same at the same moment. */
import type { Access } from "../access.ts";
import type { Caller } from "../edge/caller.ts";
import type { DocumentView } from "../store/document-view.ts";
import type { Query } from "../query/query.ts";

/** What a target shows: the result of a query, or named documents. */
export interface Readable {
  /** Equal for targets that show the same. */
  readonly key: string;
  readonly query: Query | undefined;
  readonly names: readonly string[];
}

type Verdict = { readonly dependsOn: ReadonlySet<string> } | { readonly error: unknown };

const NOTHING: ReadonlySet<string> = new Set();

/** Good for one moment: between two commits the answers cannot change. */
export class ReadChecks {
  readonly #access: Access;
  readonly #view: DocumentView;
  readonly #known = new Map<Caller, Map<string, Verdict>>();

  constructor(access: Access, view: DocumentView) {
    this.#access = access;
    this.#view = view;
  }

  /** Names of the documents that the decision rests on. Throws PERMISSION_DENIED. */
  check(caller: Caller, target: Readable): ReadonlySet<string> {
    if (caller.isOwner) return NOTHING;
    const ofCaller = this.#known.get(caller) ?? new Map<string, Verdict>();
    this.#known.set(caller, ofCaller);
    const verdict = ofCaller.get(target.key) ?? this.#decide(caller, target);
    ofCaller.set(target.key, verdict);
    if ("error" in verdict) throw verdict.error;
    return verdict.dependsOn;
  }

  #decide(caller: Caller, { query, names }: Readable): Verdict {
    try {
      if (query !== undefined) return { dependsOn: this.#access.checkList(caller, query) };
      const read = names.map((name) => this.#access.checkGet(caller, name, this.#view.get(name)));
      return { dependsOn: new Set([...names, ...read.flatMap((one) => [...one])]) };
    } catch (error) {
      return { error };
    }
  }
}
