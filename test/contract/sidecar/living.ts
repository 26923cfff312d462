/** The sidecar as a process: how it starts, how it shows that it lives, how it bears being stopped. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { endsWith, type Rig, serve } from "./rig.ts";
import type { Changes } from "./running-sidecar.ts";
import { answer, callerOf, freePort, hang, OK } from "./servers.ts";

export function living(rig: Rig): void {
  test.for<[string, Changes, string]>([
    ["no port", { PROBE_PORT: "" }, "PROBE_PORT is not set"],
    [
      "an interval that is too short",
      { PROBE_INTERVAL_MS: "1" },
      "PROBE_INTERVAL_MS must be a whole number from 50 to 3600000, found 1",
    ],
    [
      "a protocol nobody speaks",
      { COLLECTOR_PROTOCOL: "udp" },
      "COLLECTOR_PROTOCOL must be http or grpc, found udp",
    ],
    [
      "a token that would end its line",
      { COLLECTOR_TOKEN: "a\r\nb" },
      "COLLECTOR_TOKEN must be printable ASCII without blanks",
    ],
  ])("ends with 64 and one line because of %s", async ([, changes, line], context) => {
    await endsWith(rig.sidecar(context, { PROBE_PORT: "1", ...changes }), 64, line);
  });

  test("ends with 64 and one line when its own port is taken", async (context) => {
    const { port } = await serve(context, hang, "::");
    const running = rig.sidecar(context, { PROBE_PORT: "1", LIVENESS_PORT: `${port}` });
    const line = `LIVENESS_PORT must be a free port; nothing can listen on ${port}`;
    await endsWith(running, 64, line);
  });

  test("answers its own liveness, though app and collector hang and callers are rude", async (context) => {
    const nobody = await serve(context, hang);
    const port = await freePort();
    const running = rig.sidecar(context, {
      PROBE_PORT: `${nobody.port}`,
      COLLECTOR_PORT: `${nobody.port}`,
      LIVENESS_PORT: `${port}`,
    });
    const ask = async () => (await fetch(`http://127.0.0.1:${port}/`)).text();
    expect(await until(ask, { everyMs: 10 })).toBe("ok");
    // One says nothing, one is gone at once: the next caller is answered all the same.
    const silent = await callerOf(port);
    context.onTestFinished(() => void silent.destroy());
    (await callerOf(port)).resetAndDestroy();
    expect(await until(ask, { everyMs: 10 })).toBe("ok");
    expect(running.told).toBe("");
  });

  test("goes on when nobody reads what it says", async (context) => {
    const target = await serve(context, OK);
    const collector = await serve(context, hang);
    const running = rig.sidecar(context, {
      PROBE_PORT: `${target.port}`,
      COLLECTOR_PORT: `${collector.port}`,
    });
    await until(() => collector.accepted > 0, { everyMs: 10 });
    running.stopListening();
    // From now on it has something to say.
    await collector.shut();
    collector.manners = answer("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n");
    await collector.reopen();
    const before = collector.accepted;
    await until(() => collector.accepted > before + 2, { everyMs: 10 });
  });

  test("goes on after it was stopped for a while, and blames nobody", async (context) => {
    const target = await serve(context, OK);
    const running = rig.sidecar(context, { PROBE_PORT: `${target.port}` });
    const before = await running.known("a healthy app", (replica) => replica.healthy);
    running.signal("SIGSTOP");
    await sleep(700);
    running.signal("SIGCONT");
    const after = await running.known("five more probes", ({ seq }) => seq >= before.seq + 5);
    expect(after).toMatchObject({ healthy: true, boot: before.boot });
    // The probes it slept through are not made up for.
    expect(after.seq - before.seq).toBeLessThan(12);
  });
}
