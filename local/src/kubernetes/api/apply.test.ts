import { assert, constantFrom, dictionary, property, string } from "fast-check";
import { describe, expect, it } from "vitest";
import type { KubeObject } from "../objects/object.ts";
import { apply } from "./apply.ts";
import { fromFieldsV1, ownedPaths, toFieldsV1 } from "./field-tree.ts";

const time = "2026-01-01T00:00:00Z";

function deployment(containers: readonly object[]): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
    spec: { template: { spec: { containers } } },
  };
}

function applied(live: KubeObject | undefined, object: KubeObject, manager: string, force = false) {
  const model = object.kind === "ConfigMap" ? "V1ConfigMap" : "V1Deployment";
  return apply({ live, applied: object, manager, force, model, time });
}

function accepted(
  live: KubeObject | undefined,
  object: KubeObject,
  manager: string,
  force = false,
) {
  const result = applied(live, object, manager, force);
  if (result.object === undefined) throw new Error(JSON.stringify(result.conflicts));
  return result.object;
}

function containersOf(object: KubeObject): unknown {
  return (object.spec as { template: { spec: { containers: unknown } } }).template.spec.containers;
}

function port(more: object): KubeObject {
  return deployment([{ name: "app", ports: [{ containerPort: 80, ...more }] }]);
}

function configMap(data: Record<string, string>): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m" }, data };
}

describe("server-side apply", () => {
  it("adds a second manager's container beside the first one's", () => {
    const first = accepted(undefined, deployment([{ name: "app", image: "a:1" }]), "a");
    const second = accepted(first, deployment([{ name: "side", image: "s:1" }]), "b");
    expect(containersOf(second)).toEqual([
      { name: "side", image: "s:1" },
      { name: "app", image: "a:1" },
    ]);
  });

  it("removes a container its only manager drops, and nothing else", () => {
    const both = accepted(
      undefined,
      deployment([{ name: "app", image: "a:1" }, { name: "old" }]),
      "a",
    );
    const other = accepted(both, deployment([{ name: "app", tty: true }]), "b");
    const next = accepted(other, deployment([{ name: "app", image: "a:1" }]), "a");
    expect(containersOf(next)).toEqual([{ name: "app", image: "a:1", tty: true }]);
  });

  it("names ports by number and protocol, TCP being meant when none is said", () => {
    const first = accepted(undefined, port({ protocol: "TCP" }), "a");
    const second = accepted(first, port({ name: "http" }), "b");
    expect(containersOf(second)).toEqual([
      { name: "app", ports: [{ containerPort: 80, protocol: "TCP", name: "http" }] },
    ]);
  });

  it("takes a list without keys as one value", () => {
    const first = accepted(undefined, deployment([{ name: "app", args: ["a", "b"] }]), "a");
    const conflict = applied(first, deployment([{ name: "app", args: ["a"] }]), "b");
    expect(conflict.conflicts).toEqual([
      { manager: "a", field: '.spec.template.spec.containers[name="app"].args' },
    ]);
  });

  it("lets two managers own the same value, and the field stays while one of them names it", () => {
    const first = accepted(undefined, deployment([{ name: "app", image: "a:1" }]), "a");
    const second = accepted(first, deployment([{ name: "app", image: "a:1" }]), "b");
    const third = accepted(second, deployment([{ name: "app" }]), "a");
    expect(containersOf(third)).toEqual([{ name: "app", image: "a:1" }]);
  });

  it("moves ownership when forced", () => {
    const first = accepted(undefined, deployment([{ name: "app", image: "a:1" }]), "a");
    const forced = accepted(first, deployment([{ name: "app", image: "a:2" }]), "b", true);
    expect(applied(forced, deployment([{ name: "app", image: "a:1" }]), "a").conflicts).toEqual([
      { manager: "b", field: '.spec.template.spec.containers[name="app"].image' },
    ]);
  });

  const data = dictionary(constantFrom("a", "b", "c", "d"), string({ maxLength: 3 }));

  it("by a single manager leaves exactly what was applied last", () => {
    assert(
      property(data, data, (before, after) => {
        const first = accepted(undefined, configMap(before), "a");
        const second = accepted(first, configMap(after), "a");
        expect(second.data ?? {}).toEqual(after);
      }),
    );
  });

  it("never loses another manager's fields unless forced", () => {
    assert(
      property(data, data, data, (mine, theirs, mineLater) => {
        const first = accepted(undefined, configMap(theirs), "them");
        const second = applied(first, configMap(mine), "me").object ?? first;
        const third = applied(second, configMap(mineLater), "me").object ?? second;
        expect(third.data ?? {}).toMatchObject(theirs);
      }),
    );
  });

  it("writes owned fields in a form that reads back the same", () => {
    const object = deployment([{ name: "app", env: [{ name: "A", value: "1" }], args: ["x"] }]);
    const paths = new Set(ownedPaths(object, "V1Deployment").keys());
    expect(fromFieldsV1(toFieldsV1(paths))).toEqual(paths);
  });
});
