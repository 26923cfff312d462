/** Policies as the API shows them. */
import type {
  PolicyDetails,
  PolicyLogView,
  PolicyVersionView,
  PolicyView,
} from "@bifrost/shared/api/policies";
import { type Policy, type PolicyVersion, STANDARD_PREFIX } from "@bifrost/shared/domain/policy";
import { STANDARD_POLICIES } from "@bifrost/shared/domain/standard-policies";
import type { PolicyLogBatch } from "@bifrost/shared/ports/policy-store";

export function toPolicyView(policy: Policy): PolicyView {
  return {
    name: policy.name,
    kind: policy.kind,
    scope: policy.teamId === null ? "platform" : "team",
    activeVersion: policy.activeVersion,
    newestVersion: policy.nextVersion - 1,
    fault: policy.fault,
    about: null,
    updatedAt: policy.updatedAt.toISOString(),
  };
}

/** Those that come with the gateway. */
export function standardPolicyViews(): PolicyView[] {
  return Object.entries(STANDARD_POLICIES).map(([name, { about }]) => ({
    name: `${STANDARD_PREFIX}${name}`,
    kind: "request",
    scope: "standard",
    activeVersion: 0,
    newestVersion: null,
    fault: null,
    about,
    updatedAt: null,
  }));
}

export function toPolicyVersionView(version: PolicyVersion): PolicyVersionView {
  const { createdAt, checkedAt, object: _object, testObject, ...shown } = version;
  return {
    ...shown,
    hasTest: testObject !== null,
    createdAt: createdAt.toISOString(),
    checkedAt: checkedAt?.toISOString() ?? null,
  };
}

export function withoutReport(version: PolicyVersion): PolicyVersion {
  const report = version.report.length === 0 ? [] : ["shown to administrators only"];
  return { ...version, report };
}

export function toPolicyDetails(policy: Policy, versions: readonly PolicyVersion[]): PolicyDetails {
  return {
    ...toPolicyView(policy),
    formerVersions: [...policy.formerVersions],
    versions: versions.map(toPolicyVersionView),
    history: policy.history.map((event) => ({ ...event, at: event.at.toISOString() })),
  };
}

export function toPolicyLogView({ id, lines }: PolicyLogBatch): PolicyLogView {
  return { id, lines: lines.map((line) => ({ ...line, at: line.at.toISOString() })) };
}
