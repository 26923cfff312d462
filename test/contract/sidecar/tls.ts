/** Reports over TLS: only to a collector that the named authorities vouch for. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test, type TestContext } from "vitest";
import { createAuthority, createServerCertificate } from "../../../sidecar/testing/certificates.ts";
import { temporaryFolder } from "../../support/folders.ts";
import { lacks } from "../../support/processes.ts";
import { until } from "../../support/until.ts";
import { endsWith, type Rig, serve } from "./rig.ts";
import { forwardTo, OK, overTls } from "./servers.ts";

const NAME = "collector.test";

/** For a form without TLS. */
export function refusingTls(rig: Rig): void {
  test("says that this build has no TLS", async (context) => {
    const running = rig.sidecar(context, { PROBE_PORT: "1", COLLECTOR_CA_FILE: "/ca.pem" });
    const line =
      "COLLECTOR_CA_FILE is set, but this build has no TLS: unset it or run the build with TLS";
    await endsWith(running, 64, line);
  });
}

export function reportingOverTls(rig: Rig): void {
  async function serveTls(context: TestContext) {
    const missing = lacks("openssl");
    if (missing !== null) context.skip(missing);
    const folder = temporaryFolder();
    const authority = createAuthority(folder, "authority");
    const certificate = createServerCertificate(folder, authority, NAME);
    const through = forwardTo(rig.gateway().controlPort);
    const collector = await serve(context, overTls(certificate, through));
    const target = await serve(context, OK);
    const changes = {
      PROBE_PORT: `${target.port}`,
      COLLECTOR_PORT: `${collector.port}`,
      COLLECTOR_CA_FILE: authority.file,
      COLLECTOR_SERVER_NAME: NAME,
    };
    return { folder, collector, changes };
  }

  test("reports to a collector whose certificate is vouched for", async (context) => {
    const { collector, changes } = await serveTls(context);
    const running = rig.sidecar(context, changes);
    await running.known("ten samples", ({ seq }) => seq >= 10);
    expect(collector.accepted).toBe(1);
  });

  test.for(["another name", "another authority"])(
    "tells nothing to a collector whose certificate has %s",
    async (wrong, context) => {
      const { folder, collector, changes } = await serveTls(context);
      mkdirSync(path.join(folder, "other"));
      const other = createAuthority(path.join(folder, "other"), "other");
      const running = rig.sidecar(context, {
        ...changes,
        ...(wrong === "another name"
          ? { COLLECTOR_SERVER_NAME: "other.test" }
          : { COLLECTOR_CA_FILE: other.file }),
      });
      await until(() => collector.accepted > 1, { everyMs: 10 });
      expect(running.replica()).toBeUndefined();
    },
  );

  test.for<[string, string | null, RegExp]>([
    ["is not there", null, /^bifrost-sidecar: COLLECTOR_CA_FILE cannot be read.*\n$/],
    [
      "holds no certificate",
      "hello\n",
      /^bifrost-sidecar: COLLECTOR_CA_FILE holds no certificate.*\n$/,
    ],
  ])(
    "ends with 64 and one line when the file of authorities %s",
    async ([, text, line], context) => {
      const file = path.join(temporaryFolder(), "ca.pem");
      if (text !== null) writeFileSync(file, text);
      const running = rig.sidecar(context, { PROBE_PORT: "1", COLLECTOR_CA_FILE: file });
      expect(await running.exit).toBe(64);
      expect(running.told).toMatch(line);
    },
  );
}
