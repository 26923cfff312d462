/** What every case needs: a sidecar of one form, something to probe, and the end of both with the test. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, type TestContext } from "vitest";
import type { RunningGateway } from "../../../gateway/src/gateway.ts";
import { temporaryFolder } from "../../support/folders.ts";
import { type App, startApp } from "./app.ts";
import type { Form } from "./forms.ts";
import { type Changes, type RunningSidecar, startSidecar } from "./running-sidecar.ts";
import { type Manners, type RawServer, rawServer } from "./servers.ts";

export interface Rig {
  readonly form: Form;
  gateway(): RunningGateway;
  /** Skips the test when there is no such form here. */
  sidecar(context: TestContext, changes: Changes): RunningSidecar;
}

export function rigFor(
  form: Form,
  parts: { readonly argv: () => readonly string[]; readonly gateway: () => RunningGateway },
): Rig {
  return {
    form,
    gateway: parts.gateway,
    sidecar({ onTestFinished, skip }, changes) {
      const missing = form.lacks();
      if (missing !== null) skip(missing);
      const running = startSidecar(parts.argv(), parts.gateway(), changes);
      onTestFinished(() => running.signal("SIGKILL"));
      return running;
    },
  };
}

export async function serve(
  { onTestFinished }: TestContext,
  manners: Manners,
  host?: string,
): Promise<RawServer> {
  const server = await rawServer(manners, host);
  onTestFinished(() => server.shut());
  return server;
}

/** An app that is a process of its own, and the file with its process id. */
export async function serveApp(
  { onTestFinished }: TestContext,
  port?: number,
  children?: number,
): Promise<App & { readonly pidFile: string }> {
  const app = await startApp(port, children);
  onTestFinished(() => app.kill());
  const pidFile = path.join(temporaryFolder(), "app.pid");
  writeFileSync(pidFile, `${app.pid}\n`);
  return { ...app, pidFile };
}

/** It ends by itself with that code, having said nothing but that line. */
export async function endsWith(running: RunningSidecar, code: number, line: string): Promise<void> {
  expect(await running.exit).toBe(code);
  expect(running.told).toBe(`bifrost-sidecar: ${line}\n`);
}
