import { Watch } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  deployment,
  eventually,
  NAMESPACE_OBJECT,
  service,
  startCluster,
} from "./testing/cluster.ts";
import type { Cluster } from "./testing/cluster.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({});
  await cluster.apply(NAMESPACE_OBJECT);
});
afterAll(() => cluster.stop());

const settings = (data: object) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings", namespace: "shop" },
  data,
});

/** Replicas 0: the API alone is tested here, no pod needs to run. */
const web = (more: Parameters<typeof deployment>[2] = {}) =>
  deployment("web", "shop:1", { replicas: 0, ...more });

interface RawAnswer {
  readonly status: number;
  readonly body: {
    readonly message: string;
    readonly reason: string;
    readonly details: { causes: { field: string }[] };
  };
}

/** Past the client library, which silently drops fields it does not know. */
async function raw(
  path: string,
  init: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<RawAnswer> {
  const { url, token } = cluster.kubernetes;
  const response = await fetch(url + path, {
    ...init,
    headers: { authorization: `Bearer ${token}`, ...init.headers },
  });
  return { status: response.status, body: (await response.json()) as RawAnswer["body"] };
}

function rawApply(path: string, object: unknown): Promise<RawAnswer> {
  return raw(`${path}?fieldManager=test`, {
    method: "PATCH",
    headers: { "content-type": "application/apply-patch+yaml" },
    body: JSON.stringify(object),
  });
}

async function failure(promise: Promise<unknown>): Promise<{ code: number; message: string }> {
  try {
    await promise;
  } catch (error) {
    const { code, body } = error as { code: number; body: string | { message: string } };
    const parsed = typeof body === "string" ? (JSON.parse(body) as { message: string }) : body;
    return { code, message: parsed.message };
  }
  throw new Error("the call was accepted");
}

const bad = (change: object, container: object = {}) =>
  deployment("bad", "shop:1", { container, spec: change });

const named = (team: string, value: string) => ({
  ...settings({ value }),
  metadata: { name: "watched", namespace: "shop", labels: { team } },
});

/** Deletes a Deployment that has a ReplicaSet; returns what lists the sets that are left. */
async function deleteOwner(propagationPolicy: string) {
  await cluster.apply(web());
  const sets = () =>
    cluster.apps.listNamespacedReplicaSet({ namespace: "shop" }).then(({ items }) => items);
  await eventually("a replica set", async () => (await sets()).length > 0);
  const name = "web";
  await cluster.apps.deleteNamespacedDeployment({ name, namespace: "shop", propagationPolicy });
  return sets;
}

describe("server-side apply with the real client", () => {
  it.each([
    settings({ a: "1" }),
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "keys", namespace: "shop" },
      stringData: { k: "v" },
    },
    web(),
    service("web"),
    {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "web", namespace: "shop" },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
        minReplicas: 1,
        maxReplicas: 3,
      },
    },
    {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: "web", namespace: "shop" },
      spec: { minAvailable: 1, selector: { matchLabels: { app: "web" } } },
    },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "web", namespace: "shop" },
      spec: { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ ports: [{ port: 8080 }] }] },
    },
  ])("creates $kind, and applying it again changes nothing", async (object) => {
    const first = await cluster.apply(object);
    const second = await cluster.apply(object);
    expect(first.metadata?.uid).toBeDefined();
    // A controller may have written its own part in between; the owner's part stays one generation.
    expect(second.metadata?.uid).toBe(first.metadata?.uid);
    expect(second.metadata?.generation).toBe(first.metadata?.generation);
  });

  it("refuses to take a field from another manager, and takes it when forced", async () => {
    await cluster.apply(web());
    const { code, message } = await failure(
      cluster.apply(web({ replicas: 5 }), { manager: "hpa" }),
    );
    expect(code).toBe(409);
    expect(message).toBe('Apply failed with 1 conflict: conflict with "test": .spec.replicas');
    await cluster.apply(web({ replicas: 0, spec: { minReadySeconds: 0 } }), {
      manager: "hpa",
      force: true,
    });
    const { code: later } = await failure(
      cluster.apply(web({ spec: { minReadySeconds: 7 } }), { manager: "third" }),
    );
    expect(later).toBe(409);
    await cluster.apps.deleteNamespacedDeployment({ name: "web", namespace: "shop" });
  });

  it("removes what its manager no longer names and keeps what another owns", async () => {
    await cluster.apply(settings({ mine: "1", gone: "1" }));
    await cluster.apply(settings({ theirs: "2" }), { manager: "other" });
    await cluster.apply(settings({ mine: "1" }));
    const read = await cluster.core.readNamespacedConfigMap({
      name: "settings",
      namespace: "shop",
    });
    expect(read.data).toEqual({ mine: "1", theirs: "2" });
  });

  it("merges containers and variables by name", async () => {
    await cluster.apply(web());
    // A part of an object is enough, as long as the whole is complete once merged.
    await cluster.apply(
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "web", namespace: "shop" },
        spec: { template: { spec: { containers: [{ name: "extra", image: "extra:1" }] } } },
      },
      { manager: "injector" },
    );
    await cluster.apply(web());
    const read = await cluster.apps.readNamespacedDeployment({ name: "web", namespace: "shop" });
    const containers = read.spec?.template.spec?.containers.map(({ name }) => name);
    expect(containers?.toSorted()).toEqual(["app", "extra"]);
    expect(read.metadata?.managedFields?.map(({ manager }) => manager).toSorted()).toEqual([
      "injector",
      "test",
    ]);
  });

  it("counts generations only when the spec changes", async () => {
    const first = await cluster.apply(web());
    const labelled = web();
    Reflect.set(labelled.metadata, "labels", { app: "web", team: "a" });
    const second = await cluster.apply(labelled);
    const third = await cluster.apply(web({ spec: { minReadySeconds: 3 } }));
    expect(second.metadata?.generation).toBe(first.metadata?.generation);
    expect(third.metadata?.generation).toBe((first.metadata?.generation ?? 0) + 1);
  });

  it("changes nothing in a dry run", async () => {
    const tried = await cluster.apply(settings({ mine: "9" }), { dryRun: true });
    expect((tried as { data?: object }).data).toMatchObject({ mine: "9" });
    const read = await cluster.core.readNamespacedConfigMap({
      name: "settings",
      namespace: "shop",
    });
    expect(read.data).toMatchObject({ mine: "1" });
  });
});

describe("refusals", () => {
  const path = "/apis/apps/v1/namespaces/shop/deployments/bad";
  it.each([
    {
      name: "an unknown field",
      object: bad({}, { readinessProb: {} }),
      says: 'unknown field "spec.template.spec.containers[0].readinessProb"',
    },
    {
      name: "a wrong type",
      object: bad({ replicas: "3" }),
      says: "spec.replicas: Invalid value: expected number",
    },
    {
      name: "a bad quantity",
      object: bad({}, { resources: { limits: { memory: "12Q" } } }),
      says: "not a quantity",
    },
    {
      name: "a selector that does not match",
      object: bad({ selector: { matchLabels: { app: "x" } } }),
      says: "does not match template",
    },
    {
      name: "a port out of range",
      object: bad({}, { ports: [{ name: "http", containerPort: 99_999 }] }),
      says: "1 to 65535",
    },
    {
      name: "an exec probe",
      object: bad({}, { livenessProbe: { exec: { command: ["x"] } } }),
      says: "httpGet and tcpSocket are supported here",
    },
    { name: "a missing image", object: bad({}, { image: "" }), says: "image: Required value" },
  ])("422 for $name, naming the place", async ({ object, says }) => {
    const { status, body } = await rawApply(path, object);
    expect(status).toBe(422);
    expect(body.reason).toBe("Invalid");
    expect(body.message).toContain(says);
  });

  it.each([
    {
      name: "an unknown kind",
      path: "/apis/batch/v1/namespaces/shop/jobs",
      status: 404,
      says: "jobs of batch/v1",
    },
    {
      name: "an unknown object",
      path: "/api/v1/namespaces/shop/pods/none",
      status: 404,
      says: 'pods "none" not found',
    },
    {
      name: "an unknown subresource",
      path: "/api/v1/namespaces/shop/pods/x/exec",
      status: 404,
      says: "pods/exec",
    },
    {
      name: "a broken label selector",
      path: "/api/v1/pods?labelSelector=a%3D%3D%3D",
      status: 400,
      says: "label selector",
    },
    {
      name: "a field selector it has not",
      path: "/api/v1/pods?fieldSelector=spec.x%3D1",
      status: 400,
      says: "spec.x",
    },
  ])("$status for $name", async ({ path: at, status, says }) => {
    const answer = await raw(at);
    expect(answer.status).toBe(status);
    expect(answer.body.message).toContain(says);
  });

  it("401 without the token", async () => {
    const answer = await raw("/api/v1/pods", { headers: { authorization: "Bearer wrong" } });
    expect(answer.status).toBe(401);
  });

  it("413 for a body of more than 3 MiB", async () => {
    const body = JSON.stringify({ data: "x".repeat(3 * 1024 ** 2) });
    const answer = await raw("/api/v1/namespaces/shop/configmaps", { method: "POST", body });
    expect(answer.status).toBe(413);
  });

  it("409 for an outdated resourceVersion", async () => {
    const name = "settings";
    const read = await cluster.core.readNamespacedConfigMap({ name, namespace: "shop" });
    const put = () =>
      cluster.core.replaceNamespacedConfigMap({
        name,
        namespace: "shop",
        body: Object.assign(read, { data: { n: "1" } }),
      });
    await put();
    expect(await failure(put())).toMatchObject({ code: 409 });
  });

  it("404 in a namespace that does not exist", async () => {
    const object = { ...settings({}), metadata: { name: "x", namespace: "nowhere" } };
    expect(await failure(cluster.apply(object))).toEqual({
      code: 404,
      message: 'namespaces "nowhere" not found',
    });
  });
});

describe("watch with the real client", () => {
  it("tells who enters, changes in and leaves the selection", async () => {
    const seen: string[] = [];
    const call = await new Watch(cluster.config).watch(
      "/api/v1/namespaces/shop/configmaps",
      { labelSelector: "team=a" },
      (type: string, object: { metadata: { name: string } }) =>
        seen.push(`${type} ${object.metadata.name}`),
      () => {},
    );
    await eventually("the watch", () => Promise.resolve(cluster.kubernetes.info().watches > 0));
    await cluster.apply(named("a", "1"));
    await cluster.apply(named("a", "2"));
    await cluster.apply(named("b", "2"));
    await cluster.apply(named("a", "2"));
    await cluster.core.deleteNamespacedConfigMap({ name: "watched", namespace: "shop" });
    await eventually("five events", () => Promise.resolve(seen.length >= 5));
    call.abort();
    expect(seen.map((line) => line.split(" ")[0])).toEqual([
      "ADDED",
      "MODIFIED",
      "DELETED",
      "ADDED",
      "DELETED",
    ]);
  });

  it("goes on from a version of a list, and says Expired when that is too old", async () => {
    const list = await cluster.core.listNamespacedConfigMap({ namespace: "shop" });
    await cluster.apply({ ...settings({}), metadata: { name: "late", namespace: "shop" } });
    const events: { type: string; object: { code?: number; metadata?: { name?: string } } }[] = [];
    const watch = async (resourceVersion: string | undefined) => {
      await new Watch(cluster.config).watch(
        "/api/v1/namespaces/shop/configmaps",
        { resourceVersion, timeoutSeconds: 1 },
        (_type: string, _object: unknown, event: unknown) => events.push(event as never),
        () => {},
      );
    };
    await watch(list.metadata?.resourceVersion);
    await eventually("the late one", () =>
      Promise.resolve(events.some(({ object }) => object.metadata?.name === "late")),
    );
    expect(events).toHaveLength(1);
    await watch("1");
    await eventually("the refusal", () =>
      Promise.resolve(events.some(({ object }) => object.code === 410)),
    );
  });
});

describe("deleting", () => {
  it.each(["Background", "Foreground"])("removes dependents with %s", async (policy) => {
    const sets = await deleteOwner(policy);
    await eventually("their end", async () => (await sets()).length === 0);
    expect(
      await failure(cluster.apps.readNamespacedDeployment({ name: "web", namespace: "shop" })),
    ).toMatchObject({ code: 404 });
  });

  it("keeps dependents with Orphan", async () => {
    const sets = await deleteOwner("Orphan");
    const left = await sets();
    expect(left).toHaveLength(1);
    expect(left[0]?.metadata?.ownerReferences).toEqual([]);
  });
});
