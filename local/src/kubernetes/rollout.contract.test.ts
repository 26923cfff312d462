import { get } from "node:http";
import { readdirSync, readFileSync } from "node:fs";
import { systemTimers } from "@bifrost/shared/domain/time";
import { afterEach, describe, expect, it } from "vitest";
import {
  deployment,
  eventually,
  NAMESPACE_OBJECT,
  serverSource,
  service,
  startCluster,
} from "./testing/cluster.ts";
import type { Cluster } from "./testing/cluster.ts";

const images = {
  "shop:1": serverSource("one"),
  "shop:2": serverSource("two"),
  "crash:1": 'console.log("starting"); console.error("no database"); process.exit(3);',
  "hog:1": "const k=[];setInterval(()=>k.push(Buffer.alloc(8<<20,1)),5)",
  "deaf:1": "setInterval(()=>{},1000); process.on('SIGTERM',()=>{})",
};
let clusters: Cluster[] = [];
afterEach(async () => {
  await Promise.all(clusters.map((each) => each.stop()));
  clusters = [];
});

async function cluster(more = {}): Promise<Cluster> {
  const started = await startCluster(images, more);
  clusters.push(started);
  await started.apply(NAMESPACE_OBJECT);
  return started;
}

function fetchText(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = get({ host, port, agent: false, headers: { connection: "close" } }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve(text));
      response.on("error", reject);
    });
    call.on("error", reject);
  });
}

async function readyAddresses({ discovery }: Cluster, name: string): Promise<readonly string[]> {
  const labelSelector = `kubernetes.io/service-name=${name}`;
  const slices = await discovery.listNamespacedEndpointSlice({ namespace: "shop", labelSelector });
  return slices.items
    .flatMap((slice) => slice.endpoints ?? [])
    .filter((endpoint) => endpoint.conditions?.ready === true)
    .flatMap((endpoint) => endpoint.addresses);
}

function rolledOut({ apps }: Cluster, name: string) {
  return eventually(`rollout of ${name}`, async () => {
    const { metadata, spec, status } = await apps.readNamespacedDeployment({
      name,
      namespace: "shop",
    });
    const isObserved = status?.observedGeneration === metadata?.generation;
    const { updatedReplicas, availableReplicas, replicas } = status ?? {};
    const isDone = [updatedReplicas, availableReplicas, replicas].every(
      (count) => count === spec?.replicas,
    );
    return isObserved && isDone && status;
  });
}

async function onlyPod({ core }: Cluster, name: string) {
  const pods = await core.listNamespacedPod({ namespace: "shop", labelSelector: `app=${name}` });
  return pods.items[0];
}

function processesOf(source: string): number {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, "utf8").includes(source);
    } catch {
      return false;
    }
  }).length;
}

describe("a Deployment", () => {
  it("becomes a ready pod that answers on its own address", async () => {
    const shop = await cluster();
    const begun = Date.now();
    await shop.apply(deployment("web", "shop:1"));
    await shop.apply(service("web"));
    const status = await rolledOut(shop, "web");
    console.log(`apply to ready: ${Date.now() - begun} ms at ${shop.sandbox.level}`);
    expect(
      status.conditions?.map(({ type, status: value, reason }) => [type, value, reason]),
    ).toEqual([
      ["Available", "True", "MinimumReplicasAvailable"],
      ["Progressing", "True", "NewReplicaSetAvailable"],
    ]);
    const [address = ""] = await eventually("an endpoint", async () => {
      const found = await readyAddresses(shop, "web");
      return found.length === 1 && found;
    });
    expect(address).toMatch(/^127\./);
    const answer = JSON.parse(await fetchText(address, 8080)) as {
      version: string;
      env: Record<string, string>;
    };
    const pod = await onlyPod(shop, "web");
    expect(answer.version).toBe("one");
    expect(answer.env["POD"]).toBe(pod?.metadata?.name);
    expect(answer.env["NODE_ENV"]).toBe("production");
    expect(Object.keys(answer.env).toSorted()).toEqual([
      "HOME",
      "NODE_ENV",
      "PATH",
      "POD",
      "PORT",
      "PWD",
    ]);
    expect(shop.kubernetes.info()).toMatchObject({ podsByPhase: { Running: 1 }, rollouts: 1 });
    await shop.apply(deployment("web", "shop:1"));
    await shop.apply(deployment("web", "shop:1", { replicas: 2 }));
    await rolledOut(shop, "web");
    expect(shop.kubernetes.info().rollouts).toBe(1);
  });

  it("replaces its pods without a failed request", async () => {
    const shop = await cluster();
    await shop.apply(service("web"));
    await shop.apply(deployment("web", "shop:1", { replicas: 2 }));
    await rolledOut(shop, "web");
    const failures: string[] = [];
    const seen = new Set<string>();
    let requests = 0;
    const over = new AbortController();
    const load = (async () => {
      while (!over.signal.aborted) {
        for (const address of await readyAddresses(shop, "web")) {
          requests += 1;
          try {
            seen.add((JSON.parse(await fetchText(address, 8080)) as { version: string }).version);
          } catch (error) {
            failures.push(String(error));
          }
        }
      }
    })();
    await shop.apply(deployment("web", "shop:2", { replicas: 2 }));
    await rolledOut(shop, "web");
    await systemTimers.sleep(300);
    over.abort();
    await load;
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(20);
    expect([...seen].toSorted()).toEqual(["one", "two"]);
    expect(shop.kubernetes.info().rollouts).toBe(2);
  });

  it("is held back by pods that never become ready, while the old ones go on serving", async () => {
    const shop = await cluster();
    await shop.apply(service("web"));
    await shop.apply(deployment("web", "shop:1"));
    await rolledOut(shop, "web");
    await shop.apply(deployment("web", "deaf:1", { spec: { progressDeadlineSeconds: 1 } }));
    const status = await eventually("deadline", async () => {
      const read = await shop.apps.readNamespacedDeployment({ name: "web", namespace: "shop" });
      const progressing = read.status?.conditions?.find(({ type }) => type === "Progressing");
      return progressing?.reason === "ProgressDeadlineExceeded" && read.status;
    });
    expect(status).toMatchObject({ replicas: 2, updatedReplicas: 1, availableReplicas: 1 });
    const [address = ""] = await readyAddresses(shop, "web");
    expect(await fetchText(address, 8080)).toContain('"one"');
  });
});

describe("a pod", () => {
  it("that crashes shows its exit code and last words, and is tried again", async () => {
    const shop = await cluster();
    await shop.apply(deployment("crash", "crash:1"));
    const status = await eventually("second crash", async () => {
      const found = (await onlyPod(shop, "crash"))?.status?.containerStatuses?.[0];
      return found?.restartCount === 1 && found.state?.waiting !== undefined && found;
    });
    expect(status.state?.waiting?.reason).toBe("CrashLoopBackOff");
    expect(status.lastState?.terminated).toMatchObject({ exitCode: 3, reason: "Error" });
    expect(status.lastState?.terminated?.message).toContain("no database");
    const name = (await onlyPod(shop, "crash"))?.metadata?.name ?? "";
    const text = await shop.core.readNamespacedPodLog({ name, namespace: "shop", previous: true });
    expect(text).toBe("starting\nno database\n");
    expect(
      shop.logs.filter((entry) => entry.pod === name).flatMap((entry) => entry.lines),
    ).toContain("no database");
  });

  it("over its memory limit shows OOMKilled", async () => {
    const shop = await cluster();
    const limits = { resources: { limits: { memory: "128Mi" } } };
    await shop.apply(deployment("hog", "hog:1", { container: limits }));
    const terminated = await eventually("the kill", async () => {
      const found = (await onlyPod(shop, "hog"))?.status?.containerStatuses?.[0];
      return found?.lastState?.terminated;
    });
    expect(terminated).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
  });

  it("whose image is unknown waits and says why", async () => {
    const shop = await cluster();
    await shop.apply(deployment("web", "nobody:9"));
    const waiting = await eventually("the back-off", async () => {
      const found = (await onlyPod(shop, "web"))?.status?.containerStatuses?.[0]?.state?.waiting;
      return found?.reason === "ImagePullBackOff" && found;
    });
    expect(waiting.message).toContain("manifest of nobody:9 unknown");
  });

  it("gets Secrets and ConfigMaps, and waits for those that are missing", async () => {
    const shop = await cluster();
    const env = [
      { name: "PORT", value: "8080" },
      { name: "KEY", valueFrom: { secretKeyRef: { name: "keys", key: "api" } } },
      { name: "GREETING", value: "hello $(KEY)" },
    ];
    const envFrom = [{ configMapRef: { name: "settings" } }];
    await shop.apply({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "settings", namespace: "shop" },
      data: { LEVEL: "info" },
    });
    await shop.apply(deployment("web", "shop:1", { container: { env, envFrom } }));
    await eventually("the wait", async () => {
      const found = (await onlyPod(shop, "web"))?.status?.containerStatuses?.[0]?.state?.waiting;
      return found?.reason === "CreateContainerConfigError";
    });
    await shop.apply({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "keys", namespace: "shop" },
      stringData: { api: "s3cret" },
    });
    await rolledOut(shop, "web");
    const pod = await onlyPod(shop, "web");
    const answer = JSON.parse(await fetchText(pod?.status?.podIP ?? "", 8080)) as {
      env: Record<string, string>;
    };
    expect(answer.env).toMatchObject({ KEY: "s3cret", GREETING: "hello s3cret", LEVEL: "info" });
  });

  it("runs a platform program beside it that knows the app's process", async () => {
    const shop = await cluster({
      platformImages: {
        "bifrost/sidecar": {
          argv: [
            process.execPath,
            "-e",
            "const f=require('fs');setInterval(()=>{try{console.log('app pid',f.readFileSync(process.env.APP_PID_FILE,'utf8').trim(),process.env.PROBE_PORT)}catch{}},50)",
          ],
        },
      },
    });
    const sidecar = {
      name: "sidecar",
      image: "bifrost/sidecar:1",
      restartPolicy: "Always",
      env: [{ name: "PROBE_PORT", value: "8080" }],
    };
    await shop.apply(deployment("web", "shop:1", { pod: { initContainers: [sidecar] } }));
    await rolledOut(shop, "web");
    const line = await eventually("the sidecar's word", () =>
      Promise.resolve(
        shop.logs
          .filter((entry) => entry.container === "sidecar")
          .flatMap((entry) => entry.lines)[0],
      ),
    );
    const [, pid, port] = /^app pid (\d+) (\d+)$/.exec(line) ?? [];
    expect(readdirSync("/proc")).toContain(pid);
    expect(Number(port)).not.toBe(8080);
  });

  it("restarts a sidecar that no longer answers its liveness probe, and leaves the app alone", async () => {
    const source = `
      const { existsSync, writeFileSync } = require("fs");
      const isFirst = !existsSync("has-hung");
      const answer = (_, r) => isFirst ? writeFileSync("has-hung", "") : r.end("ok");
      const port = process.env.LIVENESS_PORT;
      require("http").createServer(answer).listen(port, () => console.log("listens on", port));`;
    const shop = await cluster({
      platformImages: { "bifrost/sidecar": { argv: [process.execPath, "-e", source] } },
    });
    const sidecar = {
      name: "sidecar",
      image: "bifrost/sidecar:1",
      restartPolicy: "Always",
      ports: [{ name: "liveness", containerPort: 65_532 }],
      env: [{ name: "LIVENESS_PORT", value: "65532" }],
      livenessProbe: {
        httpGet: { path: "/", port: "liveness" },
        periodSeconds: 1,
        failureThreshold: 3,
      },
    };
    await shop.apply(deployment("web", "shop:1", { pod: { initContainers: [sidecar] } }));
    const pod = await eventually("a second life of the sidecar", async () => {
      const found = await onlyPod(shop, "web");
      const status = found?.status?.initContainerStatuses?.[0];
      return status?.restartCount === 1 && status.state?.running !== undefined && found;
    });
    expect(pod.status?.containerStatuses).toMatchObject([{ name: "app", restartCount: 0 }]);
    const words = await eventually("its second word", () => {
      const lines = shop.logs.filter((entry) => entry.container === "sidecar");
      const found = lines.flatMap((entry) => entry.lines);
      return Promise.resolve(found.length === 2 && found);
    });
    const [port = 0] = words.map((word) => Number(word.split(" ").at(-1)));
    expect(port).not.toBe(65_532);
    expect(await fetchText("127.0.0.1", port)).toBe("ok");
    await rolledOut(shop, "web");
  });

  it("leaves no process when its Deployment is deleted, though it ignores SIGTERM", async () => {
    const shop = await cluster();
    const mark = `MARK_${process.pid}_${Date.now()}`;
    await shop.apply(
      deployment("deaf", "deaf:1", {
        container: { env: [{ name: mark, value: "1" }], readinessProbe: undefined },
        pod: { terminationGracePeriodSeconds: 1 },
      }),
    );
    await rolledOut(shop, "deaf");
    await eventually("the process", () => Promise.resolve(processesOf(mark) > 0));
    await shop.apps.deleteNamespacedDeployment({ name: "deaf", namespace: "shop" });
    await eventually("the end of the pod", async () => (await onlyPod(shop, "deaf")) === undefined);
    expect(processesOf(mark)).toBe(0);
  });

  it("comes back under its name after the stand-in was started again", async () => {
    const first = await startCluster(images);
    await first.apply(NAMESPACE_OBJECT);
    await first.apply(service("web"));
    await first.apply(deployment("web", "shop:1"));
    await rolledOut(first, "web");
    const before = await onlyPod(first, "web");
    await first.kubernetes.stop();
    const second = await startCluster(images, { dataDir: first.dataDir });
    clusters.push(second);
    await eventually("ready again", async () => (await readyAddresses(second, "web")).length === 1);
    const after = await onlyPod(second, "web");
    expect(after?.metadata?.name).toBe(before?.metadata?.name);
    expect(await fetchText(after?.status?.podIP ?? "", 8080)).toContain('"one"');
    expect(second.kubernetes.info().rollouts).toBe(0);
    await second.core.deleteNamespace({ name: "shop" });
    await eventually("the end of the namespace", async () =>
      second.core.readNamespace({ name: "shop" }).then(
        () => false,
        () => true,
      ),
    );
    expect(second.kubernetes.info().podsByPhase).toEqual({});
    await first.sandbox.close();
  });
});
