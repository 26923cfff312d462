import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { hastyTimers } from "@bifrost/shared/testing/hasty-timers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EXIT } from "../exit-code.ts";
import { captured, run } from "../testing/captured.ts";
import {
  memberNamed,
  startControlServer,
  statusOf,
  TOKEN,
  type ControlServer,
} from "../testing/control-server.ts";
import { clusterNodes, clusterStatus, describeNodes, watchStatus } from "./cluster-status.ts";

const HOLDER = { BIFROST_CONTROL_TOKEN: TOKEN };
const three = () => [memberNamed("node-1"), memberNamed("node-2"), memberNamed("node-3")];

let control: ControlServer;
beforeEach(async () => {
  control = await startControlServer(statusOf(three()));
});
afterEach(() => control.stop());

const at = () => ({ control: control.address });

describe("bifrost cluster status", () => {
  test("ends with 0 when the cluster is healthy", async () => {
    const { code, text, data } = await run(clusterStatus, at(), HOLDER);
    expect(code).toBe(EXIT.ok);
    expect(text).toContain("HEALTHY  3 of 3 members healthy, as node-1 sees it");
    expect(text).toMatch(/gossip +mesh, sealed with key 1/);
    expect(data).toEqual([control.status]);
  });

  test("ends with 9 when it is not, and says which member is amiss, by what evidence", async () => {
    control.status = statusOf([
      memberNamed("node-1"),
      memberNamed("node-2", { state: "suspect", evidence: "refused" }),
      memberNamed("node-3", { health: "sick" }),
    ]);
    const { code, text } = await run(clusterStatus, at(), HOLDER);
    expect(code).toBe(EXIT.notHealthy);
    expect(text).toContain("NOT HEALTHY  1 of 3 members healthy");
    expect(text).toMatch(/node-2: suspect \(refused\)\n +node-3: alive, sick/);
    expect(text).toContain("bifrost cluster diagnose");
  });

  test("shows what discovery found, and what it complains of", async () => {
    const discovery = [
      { type: "dns", found: ["10.0.0.2:10101"], problem: null },
      { type: "etcd", found: [], problem: "etcd client error: no answer" },
    ];
    control.status = statusOf(three(), { discovery, problem: "The gossip process is starting." });
    const { text } = await run(clusterStatus, at(), HOLDER);
    expect(text).toMatch(/dns +found 1: 10\.0\.0\.2:10101/);
    expect(text).toMatch(/etcd +etcd client error: no answer/);
    expect(text).toMatch(/problem +The gossip process is starting\./);
  });

  test.each([{}, { BIFROST_CONTROL_TOKEN: "another-token-altogether" }])(
    "shows without the token what everyone may see: %o",
    async (environment) => {
      const { code, text, data } = await run(clusterStatus, at(), environment);
      expect([code, text]).toEqual([EXIT.ok, "HEALTHY  3 of 3 members healthy, as node-1 sees it"]);
      const { details, ...open } = control.status;
      expect(details.members).toHaveLength(3);
      expect(data).toEqual([open]);
    },
  );

  test("asks the next gateway when one does not answer", async () => {
    const gone = await startControlServer(statusOf(three()));
    await gone.stop();
    const addresses = `${gone.address}, ${control.address.replace("http://", "")}`;
    expect(await run(clusterStatus, { control: addresses })).toMatchObject({ code: EXIT.ok });
    await expect(run(clusterStatus, { control: gone.address })).rejects.toThrow(
      `no answer from ${gone.address}; is a gateway running`,
    );
  });

  test("says what a gateway refuses, and what is none", async () => {
    const detail = "This gateway runs alone: BIFROST_CONFIG names no file.";
    const problem = { title: "not-found", code: "not-found", status: 404, detail };
    control.instead = { status: 404, body: JSON.stringify(problem) };
    await expect(run(clusterStatus, at())).rejects.toMatchObject({
      code: "not-found",
      message: detail,
    });
    control.instead = { status: 200, body: "<h1>an app</h1>" };
    await expect(run(clusterStatus, at())).rejects.toThrow("name the control port of a gateway");
    await expect(run(clusterStatus, { control: "::::" })).rejects.toThrow('found "::::"');
    await expect(run(clusterStatus, {})).rejects.toThrow("--control or BIFROST_CONTROL_URL");
  });

  test("finds address and token in the environment, in a file, or where `npm start` wrote them", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "bifrost-cli-"));
    try {
      const file = (name: string, text: string) => {
        writeFileSync(path.join(folder, name), text);
        return path.join(folder, name);
      };
      const environment = { ...HOLDER, BIFROST_CONTROL_URL: control.address };
      const fromEnvironment = await run(clusterNodes, {}, environment);
      const tokenFile = file("token", `${TOKEN}\n`);
      const fromFlags = await run(clusterNodes, { ...at(), tokenFile });
      const cluster = { controls: [control.address], token: TOKEN };
      const credentials = { apiUrl: "http://127.0.0.1:1/api/v1", apiKey: "k", cluster };
      const written = file("credentials.json", JSON.stringify(credentials));
      const fromStart = await run(clusterNodes, {}, { BIFROST_CREDENTIALS: written });
      const codes = [fromEnvironment, fromFlags, fromStart].map(({ code }) => code);
      expect(codes).toEqual([EXIT.ok, EXIT.ok, EXIT.ok]);
      const missing = { ...at(), tokenFile: path.join(folder, "none") };
      await expect(run(clusterStatus, missing)).rejects.toThrow("--token-file is not read");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("shows every change while it is watched, a gateway that is away among them", async () => {
    const { output, lines } = captured();
    const over = new AbortController();
    const answers = [
      () => Promise.resolve(statusOf(three())),
      () => Promise.resolve(statusOf(three())),
      () => run(clusterStatus, { control: "http://127.0.0.1:1" }).then(() => statusOf([])),
      () => Promise.resolve(statusOf(three().slice(1))),
    ];
    const code = await watchStatus({
      output,
      signal: over.signal,
      timers: hastyTimers(),
      describe: ({ members }) => [`${members} members`],
      ask() {
        const next = answers.shift() ?? (() => Promise.resolve(statusOf(three().slice(1))));
        if (answers.length === 0) over.abort();
        return next();
      },
    });
    expect(code).toBe(EXIT.interrupted);
    const shown = lines.filter((line) => line !== "");
    expect(shown).toEqual(["3 members", expect.stringContaining("no answer from"), "2 members"]);
  });
});

describe("bifrost cluster nodes", () => {
  test("lists what each member measures, and the links as the one that answers sees them", () => {
    const load = {
      cpu: 0.415,
      memoryBytes: 512 * 1024 * 1024,
      memoryLimitBytes: 2048 * 1024 * 1024,
      eventLoopDelayMs: 3.4,
      requestsPerSecond: 1234,
      errorRate: 0.012,
      links: [{ nodeId: "node-2", roundTripMs: 0.81, loss: 0.05 }],
    };
    const status = statusOf([
      memberNamed("node-1", { load }),
      memberNamed("node-2", { state: "dead", evidence: "unreachable" }),
    ]);
    const plain = captured().output.paint;
    const now = Date.parse("2026-01-01T00:02:00.000Z");
    const [, first, second] = describeNodes(status, status.details, plain, now);
    expect(first?.split(/ {2,}/)).toEqual([
      "node-1 *",
      "alive",
      "eu-1",
      "10.0.0.1:10101",
      "42 %",
      "512 MiB (25 %)",
      "3 ms",
      "1234",
      "1.2 %",
      "-",
      "-",
      "2m 0s",
      "0.1.0",
    ]);
    expect(second).toMatch(/^node-2 +dead \(unreachable\).* 0\.8 ms +5\.0 % +2m 0s/);
  });

  test("is for the holder of the token, and ends with 0 whatever the cluster's health", async () => {
    await expect(run(clusterNodes, at())).rejects.toMatchObject({ code: "unauthenticated" });
    control.status = statusOf([memberNamed("node-1", { health: "sick" })]);
    expect(await run(clusterNodes, at(), HOLDER)).toMatchObject({ code: EXIT.ok });
  });
});
