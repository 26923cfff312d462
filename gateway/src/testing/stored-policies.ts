/** Policies in a memory store with their sources in a bucket, and the pictures a source would tell; for tests. */
import { createHash } from "node:crypto";
import type { Policy, PolicyKind } from "@bifrost/shared/domain/policy";
import { activated, newPolicy, pushed } from "@bifrost/shared/domain/policy-changes";
import { policyHash, policyObjects } from "@bifrost/shared/domain/policy-source-hash";
import type { Clock } from "@bifrost/shared/domain/time";
import type { PolicyPicture } from "@bifrost/shared/ports/policy-source";
import { newPolicyVersion } from "@bifrost/shared/testing/fixtures";
import { MemoryObjectStore } from "@bifrost/shared/testing/memory-object-store";
import { MemoryPolicyStore } from "@bifrost/shared/testing/memory-policy-store";
import { ScriptLoader } from "../policies/script-loader.ts";

export const BUCKET = "policies";

export class StoredPolicies {
  readonly store: MemoryPolicyStore;
  readonly objects = new MemoryObjectStore();
  readonly loader: ScriptLoader;
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
    this.store = new MemoryPolicyStore(clock);
    this.loader = new ScriptLoader({
      store: this.store,
      objects: async () => this.objects,
      bucket: BUCKET,
    });
  }

  /** Stores the next version; answers its number. */
  async push(
    name: string,
    source: string,
    { test = null, kind = "request" }: { test?: string | null; kind?: PolicyKind } = {},
  ): Promise<number> {
    const act = this.act();
    const current = await this.store.read(name);
    const policy = current?.value ?? newPolicy({ name, kind, teamId: null }, act.at);
    const hash = policyHash(sha256, source, test);
    const objects = policyObjects(name, hash, test !== null);
    const version = policy.nextVersion;
    await this.put(objects.object, source);
    if (objects.testObject !== null) await this.put(objects.testObject, test ?? "");
    const stored = newPolicyVersion({ version, hash, ...objects });
    await this.store.addVersion(current, pushed(policy, act), stored, []);
    return version;
  }

  activate(name: string, version: number): Promise<void> {
    return this.change(name, (policy) => activated(policy, version, this.act()));
  }

  async change(name: string, change: (policy: Policy) => Policy): Promise<void> {
    const current = await this.store.read(name);
    if (current === null) throw new Error(`${name} is not stored`);
    await this.store.change(current, change(current.value));
  }

  async policy(name: string): Promise<Policy> {
    const found = await this.store.read(name);
    if (found === null) throw new Error(`${name} is not stored`);
    return found.value;
  }

  /** What a gateway hears now. */
  async picture(): Promise<PolicyPicture> {
    const policies = await this.store.list([]);
    const versions = await Promise.all(
      policies.map(async ({ name }) =>
        (await this.store.versions(name)).map((version) => ({ policy: name, version })),
      ),
    );
    return {
      policies: new Map(policies.map((policy) => [policy.name, policy])),
      pending: versions.flat().filter(({ version }) => version.verdict === "pending"),
    };
  }

  async put(name: string, content: string): Promise<void> {
    await this.objects.put(BUCKET, name, new Blob([content]).stream());
  }

  act(): { by: string; at: Date } {
    return { by: "ada", at: new Date(this.clock.now()) };
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
