/** Names in the larger build, with /etc/hosts and /etc/resolv.conf of the test's own. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, expect, it, vi } from "vitest";
import { lacksNative, nativeBinary } from "../testing/native-binary.ts";
import { sidecarEnvironment } from "../testing/probed-and-collector.ts";
import { type RunningSidecar, startSidecar } from "../testing/running-sidecar.ts";
import { lacksNamespaces, NEW_USER } from "../testing/vitest-tools.ts";
import { startWorld, temporaryFolder } from "../testing/world.ts";

const WAIT = { timeout: 20_000, interval: 20 };
const SOME = 5;
/** Done well before the core gives up on a connection, after 5 s. */
const MANY = 20;

/** Takes questions and never answers: nothing listens there, and the resolver does not learn it. */
const SILENT_RESOLVER = "nameserver 127.0.0.99\n";

const lacking = lacksNative() ?? lacksNamespaces();
beforeEach(({ skip }) => {
  if (lacking !== null) skip(lacking);
});

/** The sidecar where those two files say what the test wants; the shell becomes it. */
async function startNamed(
  hosts: string,
  env: Readonly<Record<string, string>>,
): Promise<RunningSidecar> {
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, "hosts"), hosts);
  writeFileSync(path.join(folder, "resolv.conf"), SILENT_RESOLVER);
  const script =
    'mount --bind "$1/hosts" /etc/hosts && mount --bind "$1/resolv.conf" /etc/resolv.conf && exec "$0"';
  const shell = ["/bin/sh", "-c", script, await nativeBinary("sidecar-tls"), folder];
  return startSidecar(["/usr/bin/unshare", ...NEW_USER, "--mount", ...shell], {
    ...env,
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
  });
}

const childrenOf = ({ pid }: RunningSidecar) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);

it("an app and a collector are found by name", async () => {
  const { collector, ports } = await startWorld();
  const names = { PROBE_HOST: "app.test", COLLECTOR_HOST: "collector.test" };
  const run = await startNamed(
    "127.0.0.1 app.test collector.test\n",
    sidecarEnvironment(ports, names),
  );
  await vi.waitUntil(() => collector.samples.length >= SOME, WAIT);
  expect(collector.samples.at(-1)).toMatchObject({ result: 1, status: 200, healthy: true });
  expect(await run.terminate()).toEqual({ code: 0, signal: null });
});

it("an address of a name that refuses is no failure while another accepts", async () => {
  const { collector, ports } = await startWorld();
  const run = await startNamed(
    "127.0.0.77 app.test\n127.0.0.1 app.test\n127.0.0.78 app.test\n",
    sidecarEnvironment(ports, { PROBE_HOST: "app.test" }),
  );
  // Each probe starts with another of the three.
  await vi.waitUntil(() => collector.samples.length >= SOME * 3, WAIT);
  expect(collector.samples.map(({ result }) => result)).toEqual(collector.samples.map(() => 1));
  expect(await run.terminate()).toEqual({ code: 0, signal: null });
});

it("a name all of whose addresses refuse is refused", async () => {
  const { probed, collector, ports } = await startWorld();
  await probed.close();
  await startNamed(
    "127.0.0.77 app.test\n127.0.0.78 app.test\n",
    sidecarEnvironment(ports, { PROBE_HOST: "app.test" }),
  );
  await vi.waitUntil(() => collector.samples.length >= SOME, WAIT);
  expect(collector.samples.at(-1)).toMatchObject({ result: 2, healthy: false });
});

it("a resolver that hangs holds up neither probes nor the end, and is left behind by nobody", async () => {
  const { probed, ports } = await startWorld();
  const run = await startNamed("", sidecarEnvironment(ports, { COLLECTOR_HOST: "collector.test" }));
  // By then the shell has become the sidecar.
  await vi.waitUntil(() => probed.probes() > 0 && childrenOf(run).length === 1, WAIT);
  const [resolver = ""] = childrenOf(run);
  const before = probed.probes();
  await vi.waitUntil(() => probed.probes() >= before + MANY, WAIT);
  // All these probes were done while one question was open.
  expect(childrenOf(run)).toEqual([resolver]);
  expect(await run.terminate()).toEqual({ code: 0, signal: null });
  await vi.waitUntil(() => !existsSync(`/proc/${resolver}`), WAIT);
});

it("a hanging look-up of the app's name fails the probe at its timeout and is killed", async () => {
  const { collector, ports } = await startWorld();
  const settings = { PROBE_HOST: "app.test", PROBE_TIMEOUT_MS: "100" };
  const run = await startNamed("", sidecarEnvironment(ports, settings));
  await vi.waitUntil(() => collector.samples.length >= 2 * SOME, WAIT);
  expect(collector.samples.at(-1)).toMatchObject({ result: 3, healthy: false });
  // The one that looks up now, and at times one that was just killed.
  expect(childrenOf(run).length).toBeLessThanOrEqual(2);
  expect(await run.terminate()).toEqual({ code: 0, signal: null });
});

it.each([
  ["the small build", "sidecar", "app.test", 64],
  ["the larger build, when it is an address written wrongly,", "sidecar-tls", "10.0.0.300", 64],
] as const)("a name is refused by %s with one line", async (_, variant, host, code) => {
  const env = sidecarEnvironment({ probed: 1, collector: 1 }, { PROBE_HOST: host });
  const run = startSidecar([await nativeBinary(variant)], env);
  expect(await run.ended).toEqual({ code, signal: null });
  expect(run.said()).toMatch(/^bifrost-sidecar: PROBE_HOST.*\n$/);
});
