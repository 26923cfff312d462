/** A map to sets that keeps no empty ones, and no set at all where there is a single member. */
export class SetsByKey<T extends object> {
  readonly #members = new Map<string, T | Set<T>>();

  get size(): number {
    return this.#members.size;
  }

  get(key: string): Iterable<T> {
    const found = this.#members.get(key);
    if (found === undefined) return [];
    return found instanceof Set ? found : [found];
  }

  add(key: string, member: T): void {
    const found = this.#members.get(key);
    if (found === undefined) this.#members.set(key, member);
    else if (found instanceof Set) found.add(member);
    else if (found !== member) this.#members.set(key, new Set([found, member]));
  }

  delete(key: string, member: T): void {
    const found = this.#members.get(key);
    if (found === member) this.#members.delete(key);
    if (!(found instanceof Set)) return;
    found.delete(member);
    if (found.size === 0) this.#members.delete(key);
  }
}
