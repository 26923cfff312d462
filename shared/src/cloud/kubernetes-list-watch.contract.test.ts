/** Over the real client: what becomes of the API of a cluster that takes questions and falls silent. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { systemTimers, type Timers } from "../domain/time.ts";
import { KubernetesPods } from "./kubernetes-pods.ts";
import type { PodWatch } from "../ports/pod-source.ts";

let server: Server | null = null;
let folder: string | null = null;
let watching: PodWatch | null = null;
afterEach(() => {
  watching?.stop();
  server?.closeAllConnections();
  server?.close();
  if (folder !== null) rmSync(folder, { recursive: true });
});

/** Half a minute and more pass at once. */
const impatient: Timers = {
  ...systemTimers,
  after: (delayMs, task) => systemTimers.after(delayMs >= 30_000 ? 50 : delayMs, task),
  sleep: (delayMs, signal) => systemTimers.sleep(delayMs >= 30_000 ? 50 : delayMs, signal),
};

type Question = "list" | "watch";

/** `silent`: what the first question of that kind gets. */
async function start(silent: Question, answerNothing: (response: ServerResponse) => void) {
  const asked = { list: 0, watch: 0 };
  const api = createServer((request, response) => {
    const question = request.url?.includes("watch=true") === true ? "watch" : "list";
    asked[question] += 1;
    response.setHeader("content-type", "application/json");
    if (question === silent && asked[question] === 1) answerNothing(response);
    else if (question === "watch") response.flushHeaders();
    else response.end(listOf(`10.0.0.${asked.list}`));
  }).listen(0, "127.0.0.1");
  server = api;
  await once(api, "listening");
  folder = mkdtempSync(path.join(tmpdir(), "bifrost-list-watch-"));
  const kubeconfig = path.join(folder, "kubeconfig");
  writeFileSync(kubeconfig, kubeconfigFor((api.address() as AddressInfo).port));
  const [ips, problems]: [string[], string[]] = [[], []];
  watching = new KubernetesPods({ kubeconfig, timers: impatient }).watch(
    { namespace: "default", labelSelector: "app=bifrost" },
    {
      onPods: (pods) => void ips.push(...pods.map(({ ip }) => ip)),
      onProblem: ({ message }) => void problems.push(message),
    },
  );
  return { ips, problems };
}

test.each<[string, Question, (response: ServerResponse) => void]>([
  ["a list that is not answered", "list", () => undefined],
  ["a watch that does not begin", "watch", () => undefined],
  ["a watch that tells nothing and does not end", "watch", (response) => response.flushHeaders()],
])("%s is given up, and everything is listed anew", async (_, silent, answerNothing) => {
  const { ips, problems } = await start(silent, answerNothing);
  await vi.waitFor(() => expect(ips).toContain("10.0.0.2"), { timeout: 15_000 });
  expect(problems[0]).toMatch(/^timeout waiting for response/);
});

function listOf(podIP: string): string {
  const pod = { metadata: { name: "a" }, status: { phase: "Running", podIP } };
  const metadata = { resourceVersion: "1" };
  return JSON.stringify({ apiVersion: "v1", kind: "PodList", metadata, items: [pod] });
}

/** JSON is YAML. */
function kubeconfigFor(port: number): string {
  return JSON.stringify({
    clusters: [
      {
        name: "c",
        cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true },
      },
    ],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  });
}
