/** Against the stand-in API server; what a real one refuses, against a server that says the same. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { writeFileSync } from "node:fs";
import { KubernetesPods } from "@bifrost/shared/cloud/kubernetes-pods";
import { systemTimers } from "@bifrost/shared/domain/time";
import { expect, test } from "vitest";
import { kubernetesDiscovery, kubernetesRig } from "../testing/kubernetes-rig.ts";
import { keptLog } from "../testing/logged.ts";
import { testFolder } from "../testing/programs.ts";
import { discoveryContract } from "./discovery.contract.ts";

function podsOf(kubeconfig: string | null): KubernetesPods {
  return new KubernetesPods({ kubeconfig, timers: systemTimers });
}

discoveryContract("kubernetes", () => kubernetesRig(podsOf), { missing: null, hasBackend: true });

async function startedAlone(kubeconfig: string | null) {
  const { log, lines } = keptLog();
  const basics = { log, timers: systemTimers, random: Math.random };
  const node = kubernetesDiscovery(podsOf(kubeconfig), basics);
  await node.start({ nodeId: "a", address: "10.0.0.1:10101" }, { onFound: () => undefined });
  const problem = node.problem();
  await node.stop();
  return { problem, lines };
}

test("a service account that may not list pods is told which role it needs", async () => {
  const server = createServer((_, response) => {
    const message = 'pods is forbidden: User "system:serviceaccount:default:default" cannot list';
    response.writeHead(403, { "content-type": "application/json" });
    response.end(
      JSON.stringify({
        kind: "Status",
        status: "Failure",
        reason: "Forbidden",
        code: 403,
        message,
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const folder = testFolder();
  const kubeconfig = folder.file("kubeconfig");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: "c", cluster: { server: url, "insecure-skip-tls-verify": true } }],
      users: [{ name: "u", user: {} }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    }),
  );
  const { problem, lines } = await startedAlone(kubeconfig);
  server.close();
  server.closeAllConnections();
  folder.remove();
  expect(problem).toMatch(/^error listing pods: forbidden: .*cannot list/s);
  expect(lines[0]).toMatchObject({
    level: "error",
    fields: { namespace: "default", remedy: expect.stringContaining("RoleBinding") },
  });
});

test("without credentials it says that there are none", async () => {
  const folder = testFolder();
  const absent = await startedAlone(folder.file("none"));
  const outside = await startedAlone(null);
  folder.remove();
  expect(absent.problem).toContain("error getting kubernetes config: ");
  expect(outside.problem).toContain("this program runs in no pod");
});
