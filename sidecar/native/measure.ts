/** How much memory a build holds while it does its work: against a real app and collector, after some probes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createAuthority, createServerCertificate } from "../testing/certificates.ts";
import {
  sidecarEnvironment,
  startCollector,
  startProbed,
} from "../testing/probed-and-collector.ts";
import { MEASURED_PROBES, type Variant } from "./variant.ts";

const TIMEOUT_MS = 60_000;
const SERVER_NAME = "collector.test";

/** Resident kB after MEASURED_PROBES probes and reports; the larger build reports over TLS. */
export async function measureResident(binary: string, variant: Variant): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), "bf-measure-"));
  const authority = variant === "sidecar" ? undefined : createAuthority(folder, "authority");
  const tls = authority && createServerCertificate(folder, authority, SERVER_NAME);
  const probed = await startProbed();
  const collector = await startCollector(tls);
  const ports = { probed: probed.port, collector: collector.port };
  const settings = authority && {
    COLLECTOR_CA_FILE: authority.file,
    COLLECTOR_SERVER_NAME: SERVER_NAME,
  };
  const child = spawn(binary, {
    env: sidecarEnvironment(ports, settings),
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(child, "close");
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  try {
    const deadline = performance.now() + TIMEOUT_MS;
    while (probed.probes() < MEASURED_PROBES || collector.samples.length < MEASURED_PROBES) {
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
        throw new Error(
          `${binary} was to do ${MEASURED_PROBES} probes and reports, and did ${probed.probes()} and ${collector.samples.length}: ${said || "it said nothing"}`,
        );
      }
      await sleep(20);
    }
    return residentKb(child.pid ?? 0);
  } finally {
    child.kill("SIGKILL");
    await ended;
    await Promise.all([probed.close(), collector.close()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

function residentKb(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Rss:\s+(\d+) kB$/m.exec(rollup)?.[1]);
}
