/** A new version: its source goes to Cloud Storage first, then the document that names it. */
import { createHash } from "node:crypto";
import type { PushPolicyBody } from "@bifrost/shared/api/policies";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Policy, PolicyVersion } from "@bifrost/shared/domain/policy";
import { newPolicy, outdated, pushed } from "@bifrost/shared/domain/policy-changes";
import { policyHash, policyObjects } from "@bifrost/shared/domain/policy-source-hash";
import type { ObjectStore } from "@bifrost/shared/ports/object-store";
import type { Person } from "@bifrost/shared/ports/team-directory";
import type { Ports } from "../ports.ts";
import { canSee, requireOwner } from "./find-policy.ts";

type Needs = Pick<Ports, "policies" | "objects" | "config" | "clock">;

export interface PushOutcome {
  readonly policy: Policy;
  readonly version: PolicyVersion;
  /** False when the same source was there already. */
  readonly isNew: boolean;
}

export async function pushPolicy(
  ports: Needs,
  person: Person,
  body: PushPolicyBody,
): Promise<PushOutcome> {
  const current = await ports.policies.read(body.name);
  const at = new Date(ports.clock.now());
  const teamId = current?.value.teamId ?? (body.scope === "platform" ? null : teamOf(person));
  const policy = current?.value ?? newPolicy({ name: body.name, kind: body.kind, teamId }, at);
  requireSame(policy, person, body);
  const versions = current === null ? [] : await ports.policies.versions(policy.name);
  const hash = policyHash(sha256, body.source, body.test ?? null);
  const known = versions.find((one) => one.hash === hash);
  if (known !== undefined) return { policy, version: known, isNew: false };
  const version: PolicyVersion = {
    version: policy.nextVersion,
    hash,
    bytes: Buffer.byteLength(body.source),
    ...policyObjects(policy.name, hash, body.test !== undefined),
    createdAt: at,
    by: person.uid,
    verdict: "pending",
    report: [],
    checkedAt: null,
  };
  await store(await ports.objects(), ports.config.policyBucket, version, body);
  const next = pushed(policy, { by: person.uid, at });
  const numbers = [version, ...versions].map((one) => one.version);
  const dropped = outdated(next, numbers);
  await ports.policies.addVersion(current, next, version, dropped);
  return { policy: next, version, isNew: true };
}

function teamOf({ teamIds: [teamId] }: Person): string {
  if (teamId !== undefined) return teamId;
  throw new BifrostError("permission-denied", "you belong to no team; ask to be added to one");
}

/** Names are the platform's: a policy that is there keeps its owner and its kind. */
function requireSame(policy: Policy, person: Person, body: PushPolicyBody): void {
  const taken = (what: string): BifrostError =>
    new BifrostError("already-exists", `the name ${policy.name} is taken by ${what}`, {
      policy: policy.name,
    });
  if (!canSee(person, policy)) throw taken("another team; choose another one");
  requireOwner(person, policy);
  const scope = policy.teamId === null ? "platform" : "team";
  if (scope !== body.scope) throw taken(`a policy of the ${scope}; push it with that scope`);
  if (policy.kind !== body.kind)
    throw taken(`a policy of the kind ${policy.kind}; a policy never changes its kind`);
}

async function store(
  objects: ObjectStore,
  bucket: string,
  version: PolicyVersion,
  { source, test }: PushPolicyBody,
): Promise<void> {
  const put = async (name: string, text: string): Promise<void> => {
    const content = new Blob([text]).stream();
    await objects.put(bucket, name, content);
  };
  await put(version.object, source);
  if (version.testObject !== null) await put(version.testObject, test ?? "");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
