import { describe, expect, test } from "vitest";
import { FakeHost, type StartCore } from "../../testing/fake-host.ts";
import { answeringApp, scene, TEST_ENVIRONMENT } from "../../testing/scene.ts";

/** What a core answers that is started with these variables changed; undefined = unset. */
function refusal(startCore: StartCore, changes: Readonly<Record<string, string | undefined>>) {
  const host = new FakeHost();
  const entries = Object.entries({ ...TEST_ENVIRONMENT, ...changes });
  host.environment = Object.fromEntries(
    entries.filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  return { code: startCore(host), logs: host.logs };
}

const REQUIRED = Object.keys(TEST_ENVIRONMENT);
const PORT = "must be a whole number from 1 to 65535, found";
const LONG = "x".repeat(600);

export function settingsContract(startCore: StartCore): void {
  test.each(REQUIRED)("without %s it does not start", (name) => {
    for (const value of [undefined, ""]) {
      expect(refusal(startCore, { [name]: value })).toEqual({
        code: 64,
        logs: [`${name} is not set`],
      });
    }
  });

  describe.each<[string, string, string]>([
    ["PROBE_PORT", "http", `${PORT} http`],
    ["PROBE_PORT", "0", `${PORT} 0`],
    ["PROBE_PORT", "65536", `${PORT} 65536`],
    ["PROBE_PORT", "80 ", `${PORT} 80 `],
    ["PROBE_PORT", "-1", `${PORT} -1`],
    ["PROBE_PORT", "8e1", `${PORT} 8e1`],
    ["PROBE_PORT", "9".repeat(400), `${PORT} ${"9".repeat(80)}...`],
    ["COLLECTOR_PORT", "x", `${PORT} x`],
    ["LIVENESS_PORT", "70000", `${PORT} 70000`],
    ["PROBE_INTERVAL_MS", "49", "must be a whole number from 50 to 3600000, found 49"],
    ["PROBE_TIMEOUT_MS", "600001", "must be a whole number from 1 to 600000, found 600001"],
    ["PROBE_PASSES", "11", "must be a whole number from 1 to 10, found 11"],
    ["PROBE_FAILURES", "0", "must be a whole number from 1 to 10, found 0"],
    ["PROBE_PATH", "health", "must start with /, found health"],
    ["PROBE_PATH", "/a b", "must be printable ASCII without blanks, found /a b"],
    ["PROBE_PATH", "/a\r\nx: y", "must be printable ASCII without blanks, found /a??x: y"],
    ["PROBE_PATH", `/${LONG}`, "may have at most 512 characters, found 601"],
    ["COLLECTOR_TOKEN", "a b", "must be printable ASCII without blanks"],
    ["APP_PID_FILE", "/a\tb", "must be printable ASCII, found /a?b"],
    ["COLLECTOR_TOKEN", LONG, "may have at most 512 characters, found 600"],
    ["DEPLOYMENT_ID", 'a"b', 'must be an id, without "\\/?#%, found a"b'],
    ["DEPLOYMENT_ID", LONG, "may have at most 128 characters, found 600"],
    ["REPLICA", "a/b", 'must be an id, without "\\/?#%, found a/b'],
    ["REPLICA", LONG, "may have at most 253 characters, found 600"],
    [
      "PROBE_HOST",
      "app.local",
      "must be an IP address: this build does not resolve names, found app.local",
    ],
    [
      "COLLECTOR_HOST",
      "10.0.0",
      "must be an IP address: this build does not resolve names, found 10.0.0",
    ],
    ["COLLECTOR_PROTOCOL", "smtp", "must be http or grpc, found smtp"],
    [
      "COLLECTOR_CA_FILE",
      "/ca.pem",
      "is set, but this build has no TLS: unset it or run the build with TLS",
    ],
    ["COLLECTOR_SERVER_NAME", LONG, "may have at most 253 characters, found 600"],
    ["APP_PID_FILE", LONG, "may have at most 512 characters, found 600"],
  ])("%s=%j", (name, value, message) => {
    test("is refused in one line that says what is wrong", () => {
      expect(refusal(startCore, { [name]: value })).toEqual({
        code: 64,
        logs: [`${name} ${message}`],
      });
    });
  });

  test("of several mistakes the first is told", () => {
    expect(
      refusal(startCore, { REPLICA: "", PROBE_PORT: "x", COLLECTOR_TOKEN: "a b" }).logs,
    ).toEqual(["REPLICA is not set"]);
  });

  test("a token is never quoted", () => {
    const { logs } = refusal(startCore, { COLLECTOR_TOKEN: "sec ret\0" });
    expect(logs.join("")).not.toContain("sec");
  });

  test("a certificate file that cannot be read is told at once", () => {
    const host = new FakeHost();
    host.hasTls = true;
    host.environment = { ...TEST_ENVIRONMENT, COLLECTOR_CA_FILE: "/none.pem" };
    expect(startCore(host)).toBe(64);
    expect(host.logs).toEqual(["COLLECTOR_CA_FILE cannot be read, found /none.pem"]);
  });

  test("a port that is taken is told at once", () => {
    const { host } = scene(
      answeringApp(() => 200),
      { LIVENESS_PORT: "8081" },
    );
    host.isPortTaken = true;
    expect(startCore(host)).toBe(64);
    expect(host.logs).toEqual(["LIVENESS_PORT must be a free port; nothing can listen on 8081"]);
  });
}
