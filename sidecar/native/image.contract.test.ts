/** The image: built from the Dockerfile without a network, and run by the machine's container engine. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { lacksNative, nativeBinary } from "../testing/native-binary.ts";
import { sidecarEnvironment, startProbed } from "../testing/probed-and-collector.ts";
import { startSidecar } from "../testing/running-sidecar.ts";
import { lacksProgram } from "../testing/vitest-tools.ts";
import { startWorld } from "../testing/world.ts";
import { type Machine, thisMachine } from "./machine.ts";

const WAIT = { timeout: 30_000, interval: 20 };
const SOME = 5;
const DOCKERFILE = path.join(import.meta.dirname, "../Dockerfile");
const UID = 65_532;

const lacking =
  lacksNative() ??
  lacksProgram("podman") ??
  (process.getuid?.() === 0 ? null : "root is not reachable");
beforeEach(({ skip }) => {
  if (lacking !== null) skip(lacking);
});

const machine: Machine = thisMachine() ?? "amd64";
let folder = "";
let env: Record<string, string> = {};

/** Podman with a store of its own; runs to its end. */
function podman(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("podman", args, { env, encoding: "utf8" });
  if (status !== 0) throw new Error(`podman ${args.join(" ")} failed:\n${stdout}${stderr}`);
  return stdout.trim();
}

beforeAll(async () => {
  if (lacking !== null) return;
  folder = mkdtempSync(path.join(tmpdir(), "bf-image-"));
  const file = (name: string) => path.join(folder, name);
  // The engine's own default limits need a capability that not every machine gives.
  writeFileSync(
    file("containers.conf"),
    '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n',
  );
  writeFileSync(
    file("storage.conf"),
    `[storage]\ndriver = "vfs"\ngraphroot = "${file("store")}"\nrunroot = "${file("run")}"\n`,
  );
  env = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    CONTAINERS_CONF: file("containers.conf"),
    CONTAINERS_STORAGE_CONF: file("storage.conf"),
  };
  const context = file("context");
  for (const variant of ["sidecar", "sidecar-tls"] as const) {
    const place = path.join(context, "dist/native", machine);
    mkdirSync(place, { recursive: true });
    copyFileSync(await nativeBinary(variant), path.join(place, variant));
    const build = ["build", "--network=none", "--platform", `linux/${machine}`, "-f", DOCKERFILE];
    podman(...build, "--build-arg", `VARIANT=${variant}`, "-t", `localhost/${variant}`, context);
  }
});

afterAll(() => {
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

describe.each(["sidecar", "sidecar-tls"] as const)("the image with %s", (variant) => {
  it("holds one file, which nobody may write, and names the user it runs as", async () => {
    const container = podman("create", "--network=host", `localhost/${variant}`);
    const archive = path.join(folder, `${variant}.tar`);
    podman("export", "-o", archive, container);
    podman("rm", container);
    const list = spawnSync("tar", ["-tvf", archive], { encoding: "utf8" }).stdout;
    const files = list.split("\n").filter((line) => line.startsWith("-"));
    expect(files).toEqual([expect.stringMatching(/^-r-xr-xr-x .* sidecar$/)]);
    const format = "{{.Config.User}} {{.Config.Entrypoint}} {{.Architecture}}";
    expect(podman("image", "inspect", "--format", format, `localhost/${variant}`)).toBe(
      `${UID}:${UID} [/sidecar] ${machine}`,
    );
  });

  it("runs as that user and process 1, answers on its liveness port, and ends with 0 on SIGTERM", async () => {
    const { collector, ports } = await startWorld();
    const liveness = await freePort();
    const settings = sidecarEnvironment(ports, { LIVENESS_PORT: String(liveness) });
    const variables = Object.entries(settings).flatMap(([name, value]) => [
      "-e",
      `${name}=${value}`,
    ]);
    const pidFile = path.join(folder, `${variant}.pid`);
    const name = `bifrost-${variant}-${process.pid}`;
    const options = ["--network=host", "--read-only", "--cap-drop=all", "--pidfile", pidFile];
    const command = ["podman", "run", "--rm", "--name", name, ...options, ...variables];
    const run = startSidecar([...command, `localhost/${variant}`], env);
    await vi.waitUntil(() => collector.samples.length >= SOME, WAIT);
    expect(collector.samples.at(-1)).toMatchObject({ result: 1, status: 200, healthy: true });
    const pid = readFileSync(pidFile, "utf8");
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    expect(status).toMatch(new RegExp(`^Uid:\\s+${UID}\\s+${UID}\\s`, "m"));
    expect(status).toMatch(/^NSpid:.*\t1$/m);
    expect(await fetch(`http://127.0.0.1:${liveness}/`)).toMatchObject({ status: 200 });
    podman("kill", "--signal", "TERM", name);
    expect(await run.ended).toEqual({ code: 0, signal: null });
  });
});

async function freePort(): Promise<number> {
  const server = await startProbed();
  await server.close();
  return server.port;
}
