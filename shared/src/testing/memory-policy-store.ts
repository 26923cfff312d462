/** Policies in memory, with the versions and refusals of the real store. */
import { BifrostError } from "../domain/errors.ts";
import type { Policy, PolicyAttachment, PolicyVersion } from "../domain/policy.ts";
import type { Clock } from "../domain/time.ts";
import type { Versioned } from "../ports/deployment-store.ts";
import type { PolicyLogBatch, PolicyStore } from "../ports/policy-store.ts";

/** Documents by path; each write makes a new version of one. */
class Shelf<T> {
  readonly #documents = new Map<string, Versioned<T>>();
  #writes = 0;

  get(path: string): Versioned<T> | null {
    return this.#documents.get(path) ?? null;
  }

  /** With their paths, in the order they were created. */
  below(prefix: string): readonly (readonly [string, T])[] {
    const found = [...this.#documents].filter(([path]) => path.startsWith(prefix));
    return found.map(([path, { value }]) => [path, value] as const);
  }

  set(path: string, value: T): void {
    this.#documents.set(path, { value, version: String(++this.#writes) });
  }

  remove(path: string): void {
    this.#documents.delete(path);
  }

  assertCurrent(path: string, version: string | null): void {
    if ((this.#documents.get(path)?.version ?? null) === version) return;
    throw new BifrostError("write-conflict", `${path} changed since it was read`);
  }
}

export class MemoryPolicyStore implements PolicyStore {
  readonly #clock: Clock;
  readonly #policies = new Shelf<Policy>();
  readonly #versions = new Shelf<PolicyVersion>();
  readonly #output = new Shelf<PolicyLogBatch>();
  #platform: Versioned<readonly PolicyAttachment[]> = { value: [], version: "" };
  /** Places beside the platform where policies are attached, by policy. */
  readonly attachedTo = new Map<string, readonly string[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async read(name: string): Promise<Versioned<Policy> | null> {
    return this.#policies.get(name);
  }

  async list(teamIds: readonly string[]): Promise<readonly Policy[]> {
    return this.#policies
      .below("")
      .map(([, policy]) => policy)
      .filter(({ teamId }) => teamId === null || teamIds.includes(teamId))
      .toSorted((one, other) => one.name.localeCompare(other.name));
  }

  async readVersion(name: string, version: number): Promise<Versioned<PolicyVersion> | null> {
    return this.#versions.get(`${name}/${version}`);
  }

  async versions(name: string): Promise<readonly PolicyVersion[]> {
    return this.#versions
      .below(`${name}/`)
      .map(([, version]) => version)
      .toSorted((one, other) => other.version - one.version);
  }

  async addVersion(
    current: Versioned<Policy> | null,
    next: Policy,
    version: PolicyVersion,
    dropped: readonly number[],
  ): Promise<void> {
    const path = `${next.name}/${version.version}`;
    this.#policies.assertCurrent(next.name, current?.version ?? null);
    this.#versions.assertCurrent(path, null);
    this.#set(next);
    this.#versions.set(path, version);
    for (const one of dropped) this.#versions.remove(`${next.name}/${one}`);
  }

  async change(current: Versioned<Policy>, next: Policy): Promise<void> {
    this.#policies.assertCurrent(next.name, current.version);
    this.#set(next);
  }

  async delete(current: Versioned<Policy>): Promise<void> {
    const { name } = current.value;
    this.#policies.assertCurrent(name, current.version);
    for (const [path] of this.#versions.below(`${name}/`)) this.#versions.remove(path);
    for (const [path] of this.#output.below(`${name}/`)) this.#output.remove(path);
    this.#policies.remove(name);
  }

  async changeVersion(
    name: string,
    current: Versioned<PolicyVersion>,
    next: PolicyVersion,
  ): Promise<void> {
    const path = `${name}/${next.version}`;
    this.#versions.assertCurrent(path, current.version);
    this.#versions.set(path, next);
  }

  async uses(name: string): Promise<readonly string[]> {
    const isPlatforms = this.#platform.value.some(({ policy }) => policy === name);
    return [...(isPlatforms ? ["the platform"] : []), ...(this.attachedTo.get(name) ?? [])];
  }

  async platformPolicies(): Promise<Versioned<readonly PolicyAttachment[]>> {
    return this.#platform;
  }

  async setPlatformPolicies(
    current: Versioned<readonly PolicyAttachment[]>,
    next: readonly PolicyAttachment[],
  ): Promise<void> {
    if (current.version !== this.#platform.version)
      throw new BifrostError("write-conflict", "the platform's policies changed");
    this.#platform = { value: next, version: `${this.#platform.version}+` };
  }

  async addLog(name: string, batch: PolicyLogBatch): Promise<void> {
    this.#output.set(`${name}/${batch.id}`, batch);
  }

  async log(
    name: string,
    { limit, after }: { limit: number; after?: string },
  ): Promise<readonly PolicyLogBatch[]> {
    const batches = this.#output
      .below(`${name}/`)
      .map(([, batch]) => batch)
      .toSorted((one, other) => (one.id < other.id ? -1 : 1));
    return after === undefined
      ? batches.slice(-limit)
      : batches.filter(({ id }) => id > after).slice(0, limit);
  }

  #set(policy: Policy): void {
    this.#policies.set(policy.name, { ...policy, updatedAt: new Date(this.#clock.now()) });
  }
}
