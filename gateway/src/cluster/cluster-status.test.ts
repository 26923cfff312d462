import { ClusterStatusSchema } from "@bifrost/shared/api/cluster";
import * as v from "valibot";
import { expect, test } from "vitest";
import type { Member, MemberState } from "../gossip/member.ts";
import { testClusterConfig, testMember } from "../testing/cluster-parts.ts";
import { clusterStatus, type KnownOfCluster } from "./cluster-status.ts";

function known(members: readonly Member[], changes: Partial<KnownOfCluster> = {}): KnownOfCluster {
  return {
    self: "a",
    config: testClusterConfig(),
    isEncrypted: true,
    members,
    healthOf: () => "healthy",
    loadOf: () => null,
    problem: null,
    discovery: [],
    keys: [],
    configVersions: {},
    counters: {},
    ...changes,
  };
}

const [a, b] = [testMember("a"), testMember("b")];
const inState = (state: MemberState) => testMember("c", { state });

test.each<[string, KnownOfCluster, number, number, string]>([
  ["three that are well", known([a, b, inState("alive")]), 3, 3, "HEALTHY"],
  ["one is suspect", known([a, b, inState("suspect")]), 3, 2, "NOT HEALTHY"],
  ["one is dead", known([a, b, inState("dead")]), 3, 2, "NOT HEALTHY"],
  ["one has left", known([a, b, inState("left")]), 2, 2, "HEALTHY"],
  ["one is sick", known([a, b], { healthOf: () => "sick" }), 2, 1, "NOT HEALTHY"],
  ["health of others not known yet", known([a, b], { healthOf: () => "unknown" }), 2, 2, "HEALTHY"],
  ["its own process is gone", known([a, b], { problem: "gone" }), 2, 1, "NOT HEALTHY"],
  ["alone, and nobody else was found", known([a]), 1, 1, "HEALTHY"],
  [
    "alone, though others were found",
    known([a], { discovery: [{ type: "static", found: [b.address], problem: null }] }),
    1,
    1,
    "NOT HEALTHY",
  ],
  [
    "alone, and discovery does not work",
    known([a], { discovery: [{ type: "dns", found: [], problem: "dns lookup error" }] }),
    1,
    1,
    "NOT HEALTHY",
  ],
  [
    "discovery does not work, and another is there",
    known([a, b], { discovery: [{ type: "dns", found: [], problem: "dns lookup error" }] }),
    2,
    2,
    "HEALTHY",
  ],
])("%s", (_what, parts, members, healthy, health) => {
  const status = clusterStatus(parts);
  expect(v.parse(ClusterStatusSchema, status)).toEqual(status);
  expect(status).toMatchObject({
    local_node: "a",
    members,
    healthy_members: healthy,
    cluster_health: health,
  });
});
