import { expect, test } from "vitest";
import type { Evidence, Member, MemberState } from "../gossip/member.ts";
import { testMember } from "../testing/cluster-parts.ts";
import { lostHosts } from "./lost-hosts.ts";

const NOW = 1_000_000;

function member(
  host: string,
  state: MemberState = "alive",
  evidence: Evidence | null = null,
  since = NOW - 1000,
): Member {
  return testMember(`${host}-${state}-${since}`, { state, evidence, since, meta: { host } });
}

const [own, other] = [member("own"), member("other")];

test.each<[string, readonly Member[], readonly string[]]>([
  ["one that is suspect of being unreachable", [member("x", "suspect", "unreachable")], ["x"]],
  ["one that is dead as unreachable", [member("x", "dead", "unreachable")], ["x"]],
  ["not one whose process is gone", [member("x", "dead", "refused")], []],
  ["not one whose process stands still", [member("x", "suspect", "stalled")], []],
  ["not one that said goodbye", [member("x", "left")], []],
  ["not one whose name is not known", [member("", "dead", "unreachable")], []],
  ["not one where another member is alive", [member("x", "dead", "unreachable"), member("x")], []],
  ["not one that fell silent long ago", [member("x", "dead", "unreachable", NOW - 300_000)], []],
  [
    "as many as there are members left",
    [member("x", "dead", "unreachable"), member("y", "suspect", "unreachable")],
    ["x", "y"],
  ],
  [
    "none when most are silent: then it is this node that is cut off",
    ["x", "y", "z"].map((host) => member(host, "suspect", "unreachable")),
    [],
  ],
])("of three hosts or more those are lost: %s", (_, members, expected) => {
  expect([...lostHosts([own, other, ...members], NOW).keys()]).toEqual(expected);
});

test("a host is lost since the last of its members fell silent", () => {
  const silent = [NOW - 5000, NOW - 2000].map((at) => member("x", "dead", "unreachable", at));
  expect([...lostHosts([own, other, ...silent], NOW)]).toEqual([["x", NOW - 2000]]);
});
