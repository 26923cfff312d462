/** Who people are and which teams they belong to. */
export interface Person {
  readonly uid: string;
  readonly teamIds: readonly string[];
  readonly scopes: readonly ("read" | "deploy" | "admin")[];
}

export interface TeamDirectory {
  /** The person an API key belongs to, by the key's sha-256 in hex; null for an unknown or revoked key. */
  byApiKeyHash(hash: string): Promise<Person | null>;
  /** The person behind a Firebase ID token; null when it does not verify. */
  byIdToken(token: string): Promise<Person | null>;
}
