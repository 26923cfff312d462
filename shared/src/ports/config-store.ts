import type { ConfigDocument, ConfigKind, ConfigValue } from "../domain/config-document.ts";
import type { ConfigVersion } from "../domain/config-version.ts";

/** What a change was made to: null = there must be none; absent = whatever is there. */
export type Expected = ConfigVersion | null | undefined;

/** Configuration that can be changed through this program. */
export interface ConfigStore {
  /** Those that were deleted left out, by id. */
  list(kind: ConfigKind): Promise<readonly ConfigDocument[]>;
  read(kind: ConfigKind, id: string): Promise<ConfigDocument | null>;
  /**
   * null = deletes it. The new version is later than every one this store has given, and than `seen`. Throws
   * `write-conflict` when the document is not as expected.
   */
  write(change: ConfigChange): Promise<ConfigVersion>;
}

export interface ConfigChange {
  readonly kind: ConfigKind;
  readonly id: string;
  readonly value: ConfigValue | null;
  readonly expected?: Expected;
  /** The latest version known from elsewhere. */
  readonly seen?: ConfigVersion;
}
