/** Fetches the source of a version and makes sure that it is the one that was pushed. */
import { createHash } from "node:crypto";
import { BifrostError } from "@bifrost/shared/domain/errors";
import {
  MAX_POLICY_SOURCE_BYTES,
  type PolicyKind,
  type PolicyScript,
} from "@bifrost/shared/domain/policy";
import { policyHash } from "@bifrost/shared/domain/policy-source-hash";
import type { ObjectStore } from "@bifrost/shared/ports/object-store";
import type { PolicyStore } from "@bifrost/shared/ports/policy-store";

export interface ScriptLoaderOptions {
  readonly store: Pick<PolicyStore, "readVersion">;
  /** Made on first use. */
  readonly objects: () => Promise<Pick<ObjectStore, "read">>;
  readonly bucket: string;
}

export interface LoadedScript {
  readonly script: PolicyScript;
  /** Its unit tests. */
  readonly test: string | null;
}

export class ScriptLoader {
  private readonly options: ScriptLoaderOptions;

  constructor(options: ScriptLoaderOptions) {
    this.options = options;
  }

  /** Throws `not-found` when version or object are missing, and `data-corrupt` when the content is another. */
  async load(name: string, kind: PolicyKind, version: number): Promise<LoadedScript> {
    const found = await this.options.store.readVersion(name, version);
    if (found === null) throw missing(name, version, "version");
    const { object, testObject, hash } = found.value;
    const [source, test] = await Promise.all([
      this.text(name, version, object),
      testObject === null ? null : this.text(name, version, testObject),
    ]);
    if (policyHash(sha256, source, test) !== hash) throw changed(name, version, object);
    return { script: { name, kind, version, source }, test };
  }

  private async text(name: string, version: number, object: string): Promise<string> {
    const { bucket } = this.options;
    const objects = await this.options.objects();
    const bytes = await objects.read(bucket, object, MAX_POLICY_SOURCE_BYTES);
    if (bytes === null) throw missing(name, version, `object ${bucket}/${object}`);
    return new TextDecoder().decode(bytes);
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function missing(policy: string, version: number, what: string): BifrostError {
  const message = `${policy} ${version}: the ${what} is not there`;
  return new BifrostError("not-found", message, { policy, version });
}

function changed(policy: string, version: number, object: string): BifrostError {
  const message = `${policy} ${version}: ${object} is not what was pushed; push the source again`;
  return new BifrostError("data-corrupt", message, { policy, version, object });
}
