/**
 * Policies whose sources stand in the configuration: what the platform keeps as pushed versions in a bucket, made from
 * documents. Each change of a document is a version that is in service at once; one that fails is left for the one before
 * it, on this gateway, until the document changes again.
 */
import type { ConfigDocument, ConfigSnapshot } from "@bifrost/shared/domain/config-document";
import { inlinePolicySchema } from "@bifrost/shared/domain/config-schemas";
import { bitsOf, type ConfigVersion } from "@bifrost/shared/domain/config-version";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Policy, PolicyKind } from "@bifrost/shared/domain/policy";
import { activated, newPolicy } from "@bifrost/shared/domain/policy-changes";
import type { Clock } from "@bifrost/shared/domain/time";
import type { ConfigSource } from "@bifrost/shared/ports/config-source";
import type { Versioned } from "@bifrost/shared/ports/deployment-store";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { PolicyPicture, PolicySource } from "@bifrost/shared/ports/policy-source";
import type { PolicyStore } from "@bifrost/shared/ports/policy-store";
import * as v from "valibot";
import type { LoadedScript, ScriptLoader } from "./script-loader.ts";

export interface InlinePoliciesOptions {
  readonly source: ConfigSource<"policies">;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Known {
  policy: Policy;
  /** Of the document as it was read last. */
  document: ConfigVersion;
  /** By version: the one in service and those a failure goes back to. */
  readonly sources: Map<number, string>;
}

export class InlinePolicies
  implements PolicySource, Pick<PolicyStore, "read" | "change">, Pick<ScriptLoader, "load">
{
  private readonly options: InlinePoliciesOptions;
  private readonly known = new Map<string, Known>();
  private changes = 0;
  private listener: (picture: PolicyPicture) => void = () => {};

  constructor(options: InlinePoliciesOptions) {
    this.options = options;
  }

  watch(listener: (picture: PolicyPicture) => void): () => void {
    this.listener = listener;
    return this.options.source.watch("policies", (snapshot) => {
      this.update(snapshot);
      this.tell();
    });
  }

  load(name: string, kind: PolicyKind, version: number): Promise<LoadedScript> {
    const source = this.known.get(name)?.sources.get(version);
    if (source === undefined) return Promise.reject(gone(name, version));
    return Promise.resolve({ script: { name, kind, version, source }, test: null });
  }

  read(name: string): Promise<Versioned<Policy> | null> {
    const known = this.known.get(name);
    const found = known && { value: known.policy, version: String(this.changes) };
    return Promise.resolve(found ?? null);
  }

  /** Of this gateway alone: nothing is written to the store. */
  change(current: Versioned<Policy>, next: Policy): Promise<void> {
    const known = this.known.get(next.name);
    if (known?.policy !== current.value) {
      return Promise.reject(new BifrostError("write-conflict", `${next.name} changed meanwhile`));
    }
    known.policy = next;
    this.changes += 1;
    this.tell();
    return Promise.resolve();
  }

  private update({ documents }: ConfigSnapshot): void {
    for (const name of this.known.keys()) {
      if ((documents.get(name)?.value ?? null) === null) this.known.delete(name);
    }
    for (const document of documents.values()) {
      if (document.value === null) continue;
      if (this.known.get(document.id)?.document !== document.version) this.take(document);
    }
    this.changes += 1;
  }

  private take({ id: name, version: document, value }: ConfigDocument): void {
    const known = this.known.get(name);
    const read = v.safeParse(inlinePolicySchema, value);
    if (!read.success) {
      this.options.log.warn("document not valid: what it said before stays in force", {
        document: `policies/${name}`,
        problem: read.issues[0].message,
        before: known === undefined ? "nothing" : "known",
      });
      if (known !== undefined) known.document = document;
      return;
    }
    const { kind, source, teamId } = read.output;
    const at = new Date(this.options.clock.now());
    const isSame = known?.policy.kind === kind && known.policy.teamId === teamId;
    const former = isSame ? known.policy : newPolicy({ name, kind, teamId }, at);
    const version = versionNumber(document);
    const policy = activated(former, version, { by: "configuration", at });
    const sources = new Map(isSame ? known.sources : []).set(version, source);
    const kept = new Set([version, ...policy.formerVersions]);
    for (const one of sources.keys()) if (!kept.has(one)) sources.delete(one);
    this.known.set(name, { policy, document, sources });
  }

  private tell(): void {
    const policies = [...this.known].map(([name, { policy }]) => [name, policy] as const);
    this.listener({ policies: new Map(policies), pending: [] });
  }
}

/** Exact in a number until the year 2039: milliseconds, and 12 bits of the counter. */
function versionNumber(document: ConfigVersion): number {
  const bits = bitsOf(document);
  return Number((bits >> 16n) * 4096n + (bits & 4095n));
}

function gone(policy: string, version: number): BifrostError {
  const message = `${policy} ${version}: the document has changed since`;
  return new BifrostError("not-found", message, { policy, version });
}
