/** What the owner of a domain says in DNS. */
export interface DomainRecords {
  /** The texts of all TXT records of that name; none when there is no such name. Throws `upstream-unavailable`. */
  texts(name: string): Promise<readonly string[]>;
}
