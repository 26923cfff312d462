/** The form of the expression tables. */

/** `error` means: no value, so neither the expression nor its negation allows. */
export type ExpectedOutcome = "true" | "false" | "error";

/** What somebody other than this engine says about the language, with the expressions that follow from it. */
export interface Statement {
  /**
   * Where it stands: `rules.List#concat` and the like are pages of firebase.google.com/docs/reference/rules;
   * `language`, `conditions`, `structure` and `quotas` are firebase.google.com/docs/rules/rules-language,
   * /docs/firestore/security/rules-conditions, /docs/firestore/security/rules-structure and /docs/firestore/quotas;
   * `emulator 2025` was measured on Google's emulator of that year; `undocumented` is neither, and so refused.
   */
  readonly source: string;
  readonly says: string;
  readonly true?: readonly string[];
  readonly false?: readonly string[];
  readonly error?: readonly string[];
}
