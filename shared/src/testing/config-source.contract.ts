/** What every source of configuration keeps to, whatever stores it. */
import { expect, test, vi } from "vitest";
import type { ConfigDocument, ConfigSnapshot, ConfigValue } from "../domain/config-document.ts";
import type { RouteKind } from "../domain/route-table-builder.ts";
import type { ConfigSource } from "../ports/config-source.ts";

export interface ConfigSourceSubject {
  readonly source: ConfigSource<RouteKind>;
  /** Into the store, past the source; null deletes. */
  readonly write: (kind: RouteKind, id: string, value: ConfigValue | null) => Promise<void>;
}

/** Deleted ones left out. */
function present({ documents }: ConfigSnapshot): readonly ConfigDocument[] {
  return [...documents.values()].filter(({ value }) => value !== null);
}

function watched({ source }: ConfigSourceSubject, kind: RouteKind) {
  const told: ConfigSnapshot[] = [];
  const stop = source.watch(kind, (snapshot) => void told.push(snapshot));
  const until = (isThere: (documents: readonly ConfigDocument[]) => boolean) =>
    vi.waitFor(
      () => {
        const last = told.at(-1);
        if (last === undefined || !isThere(present(last))) throw new Error("not yet");
        return last;
      },
      { timeout: 20_000, interval: 5 },
    );
  return { told, stop, until };
}

/** Each test has kinds and ids of its own, so that one store does for all of them. */
export function configSourceContract(subject: () => ConfigSourceSubject): void {
  test("an empty kind is told as empty: nothing is not the same as not known yet", async () => {
    const { until, stop } = watched(subject(), "settings");
    const { documents } = await until(() => true);
    expect([...documents]).toEqual([]);
    stop();
  });

  test("what is there is told first, then every change, a new version with each", async () => {
    const { write } = subject();
    await write("routes", "a.test", { projectId: "p", targets: [] });
    const { until, stop } = watched(subject(), "routes");
    const first = await until((documents) => documents.length === 1);
    const before = first.documents.get("a.test");
    expect(before?.value).toEqual({ projectId: "p", targets: [] });
    expect(first.asOf >= (before?.version ?? "")).toBe(true);
    await write("routes", "a.test", { projectId: "q", targets: [] });
    const changed = await until(([document]) => document?.value?.["projectId"] === "q");
    expect((changed.documents.get("a.test")?.version ?? "") > (before?.version ?? "")).toBe(true);
    await write("routes", "b.test", { projectId: "p" });
    await until((documents) => documents.length === 2);
    await write("routes", "a.test", null);
    const last = await until((documents) => documents.length === 1);
    expect(last.asOf > changed.asOf).toBe(true);
    await write("routes", "b.test", null);
    await until((documents) => documents.length === 0);
    stop();
  });

  test("a document that stays as it is keeps its version, and what was told once does not change", async () => {
    const { write } = subject();
    await write("projects", "still", { liveDeploymentId: "abcdefghij", teamId: "t" });
    const { told, until, stop } = watched(subject(), "projects");
    const first = await until((documents) => documents.length === 1);
    const version = first.documents.get("still")?.version;
    for (let at = 0; at < 5; at++) await write("projects", `p${at}`, { teamId: "t" });
    const last = await until((documents) => documents.length === 6);
    expect(last.documents.get("still")?.version).toBe(version);
    expect(present(first)).toHaveLength(1);
    const times = told.map(({ asOf }) => asOf);
    expect(times).toEqual(times.toSorted());
    stop();
  });

  test("two listeners are told the same; one that stopped is told nothing more", async () => {
    const { write } = subject();
    const one = watched(subject(), "projects");
    const other = watched(subject(), "projects");
    await Promise.all([one.until(() => true), other.until(() => true)]);
    one.stop();
    const before = one.told.length;
    await write("projects", "seen-by-one", { teamId: "t" });
    await other.until((documents) => documents.some(({ id }) => id === "seen-by-one"));
    expect(one.told.length).toBe(before);
    other.stop();
  });
}
