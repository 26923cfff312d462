/** Ways of looking at a cluster for what may be wrong with it. */
import type { ClusterMember } from "@bifrost/shared/api/cluster";
import type { FullView, Picture } from "./picture.ts";
import type { Sighting } from "./trouble.ts";

export type Look = (picture: Picture) => readonly Sighting[];

/** What each node says of itself. */
export function everyView(look: (view: FullView) => readonly string[]): Look {
  return ({ views }) =>
    views.flatMap((view) => look(view).map((what) => ({ at: view.status.local_node, what })));
}

/** Each member, as each node sees it; what many nodes see of one alike is told once. */
export function everyMember(
  look: (member: ClusterMember, view: FullView, picture: Picture) => string | null,
): Look {
  return (picture) => {
    const seen = picture.views.flatMap((view) =>
      view.details.members.flatMap((member) => {
        const what = look(member, view, picture);
        return what === null ? [] : [{ at: view.status.local_node, what }];
      }),
    );
    return [...new Map(seen.toReversed().map((one) => [one.what, one])).values()].toReversed();
  };
}

/** A method of discovery that works and finds no other node. */
export function findsNobody(method: string): Look {
  return everyView(({ details }) =>
    details.discovery
      .filter(
        ({ type, found, problem }) => type === method && found.length === 0 && problem === null,
      )
      .map(() => `${method} finds no other node`),
  );
}

/** Addresses that discovery names and at which no member is. */
export function foundButNoMember(method: string): Look {
  return everyView(({ details }) => {
    const members = details.members.filter(({ state }) => state === "alive");
    const known = new Set(members.map(({ address }) => address));
    const lost = details.discovery
      .filter(({ type }) => type === method)
      .flatMap(({ found }) => found.filter((address) => !known.has(address)));
    return lost.length === 0 ? [] : [`found, and no live member: ${lost.join(", ")}`];
  });
}

/** Nodes that do not take each other for alive: one line for each such pair. */
export const splits: Look = ({ views }) =>
  views.flatMap((view) => {
    const alive = new Set(
      view.details.members.filter(({ state }) => state === "alive").map(({ nodeId }) => nodeId),
    );
    return views
      .map(({ status }) => status.local_node)
      .filter((other) => !alive.has(other))
      .map((other) => ({
        at: view.status.local_node,
        what: `it does not count ${other}, which runs, among its live members`,
      }));
  });

/** Counters that are at least so high, of those whose name matches. They never fall, so what they tell may be over. */
export function counted(
  counters: Readonly<Record<string, number>>,
  names: RegExp,
  least = 1,
): readonly string[] {
  return Object.entries(counters)
    .filter(([name, count]) => names.test(name) && count >= least)
    .map(([name, count]) => `${name}: ${count} since it started; over unless it rises`);
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
