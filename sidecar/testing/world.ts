/** An app and a collector for one test, closed when it ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TlsOptions } from "node:tls";
import { onTestFinished } from "vitest";
import {
  type Collector,
  type Ports,
  type Probed,
  startCollector,
  startProbed,
} from "./probed-and-collector.ts";

export interface World {
  readonly probed: Probed;
  readonly collector: Collector;
  readonly ports: Ports;
}

export interface WorldOptions {
  /** Of both; 127.0.0.1 unless said otherwise. */
  readonly address?: string;
  /** The collector's certificate, when it is to speak TLS. */
  readonly tls?: TlsOptions;
}

export async function startWorld({ address, tls }: WorldOptions = {}): Promise<World> {
  const probed = await startProbed(address);
  const collector = await startCollector(tls, address);
  onTestFinished(async () => void (await Promise.all([probed.close(), collector.close()])));
  return { probed, collector, ports: { probed: probed.port, collector: collector.port } };
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "bf-sidecar-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
