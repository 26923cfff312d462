/** One pod from its first container to its removal: address, ports, sidecars beside the app, orderly end. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { V1Container } from "@kubernetes/client-node";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { SandboxedProcess, SandboxSpec } from "../../sandbox/sandbox.ts";
import { spawnTrusted } from "../../sandbox/spawn-trusted.ts";
import { CONFIG_MAP, SECRET } from "../objects/kinds.ts";
import type { ContainerStatus, Pod } from "../objects/object.ts";
import { parseQuantity } from "../objects/quantity.ts";
import { containerArgv, containerEnv, expand } from "./container-env.ts";
import { ContainerRunner, ImageError } from "./container-runner.ts";
import type { PlatformImage, PulledImage } from "./image.ts";
import type { KubeletParts } from "./kubelet.ts";
import { PortForward } from "./pod-network.ts";
import { podStatus } from "./pod-status.ts";
import { containerMounts, hasOwnSystem } from "./pod-volumes.ts";

/** Between leaving the endpoints and SIGTERM: gateways hear of it first. Part of the grace period. */
const DRAIN_LEAD_MS = 200;
const SIDECAR_GRACE_MS = 1000;
const MAX_ADDRESS_TRIES = 1000;
const SIDECAR_ENV = { cmd: [], env: {}, workingDir: "/" } as const;

export class PodWorker {
  readonly pod: Pod;
  readonly #parts: KubeletParts;
  readonly #dir: string;
  readonly #ports = new Map<number, number>();
  readonly #forwards: PortForward[] = [];
  readonly #sidecars: readonly ContainerRunner[];
  readonly #containers: readonly ContainerRunner[];
  #podIP: string;
  #ending: Promise<void> | undefined;

  constructor(pod: Pod, parts: KubeletParts) {
    this.pod = pod;
    this.#parts = parts;
    this.#podIP = parts.addresses.take(pod.status?.podIP);
    this.#dir = join(parts.podsDir, pod.metadata.uid ?? pod.metadata.name);
    const runner = (container: V1Container): ContainerRunner =>
      new ContainerRunner(container, this.#host(container), this.#restartsBefore(container));
    this.#sidecars = (pod.spec.initContainers ?? []).map(runner);
    this.#containers = pod.spec.containers.map(runner);
  }

  async start(): Promise<void> {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    this.#report();
    try {
      await this.#openPorts();
    } catch (error) {
      this.#parts.log.error("pod address not available", {
        pod: this.pod.metadata.name,
        why: messageOf(error),
      });
    }
    if (this.#ending !== undefined) return;
    for (const runner of [...this.#sidecars, ...this.#containers]) runner.start();
  }

  /** Ends every process, closes the address and resolves when nothing is left. Safe to call twice. */
  end(graceMs: number, leadMs = DRAIN_LEAD_MS): Promise<void> {
    this.#ending ??= this.#end(graceMs, leadMs);
    return this.#ending;
  }

  container(name: string | undefined): ContainerRunner | undefined {
    if (name === undefined) return this.#containers[0];
    return [...this.#containers, ...this.#sidecars].find((each) => each.container.name === name);
  }

  async #end(graceMs: number, leadMs: number): Promise<void> {
    const { timers } = this.#parts;
    const hasProcess = this.#containers.some((runner) => runner.process !== undefined);
    const lead = hasProcess ? Math.min(leadMs, graceMs) : 0;
    if (lead > 0) await timers.sleep(lead);
    const left = Math.max(0, graceMs - lead);
    await Promise.all(this.#containers.map((runner) => runner.stop(left)));
    // Native sidecars outlive the containers they serve.
    const sidecarMs = Math.min(left, SIDECAR_GRACE_MS);
    await Promise.all(this.#sidecars.map((runner) => runner.stop(sidecarMs)));
    for (const forward of this.#forwards) forward.close();
    for (const port of this.#ports.values()) this.#parts.ports.free(port);
    this.#parts.addresses.free(this.#podIP);
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #restartsBefore(container: V1Container): number {
    const { containerStatuses = [], initContainerStatuses = [] } = this.pod.status ?? {};
    const all: readonly ContainerStatus[] = [...containerStatuses, ...initContainerStatuses];
    return all.find((status) => status.name === container.name)?.restartCount ?? 0;
  }

  async #openPorts(): Promise<void> {
    const containers = [...(this.pod.spec.initContainers ?? []), ...this.pod.spec.containers];
    for (const { containerPort } of containers.flatMap((container) => container.ports ?? [])) {
      if (this.#ports.has(containerPort)) continue;
      this.#ports.set(containerPort, await this.#parts.ports.take());
    }
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#listen();
      } catch (error) {
        if (!isAddressInUse(error) || tries === MAX_ADDRESS_TRIES) throw error;
        this.#moveOn();
      }
    }
  }

  async #listen(): Promise<void> {
    for (const [containerPort, port] of this.#ports) {
      const forward = new PortForward(port);
      this.#forwards.push(forward);
      await forward.listen(this.#podIP, containerPort);
    }
  }

  /** Another platform on this machine listens on the address: without this, its app would answer for ours. */
  #moveOn(): void {
    for (const forward of this.#forwards.splice(0)) forward.close();
    const { addresses } = this.#parts;
    const taken = this.#podIP;
    this.#podIP = addresses.take();
    addresses.free(taken);
    this.#report();
  }

  #host(container: V1Container) {
    return {
      timers: this.#parts.timers,
      restartPolicy: this.pod.spec.restartPolicy ?? "Always",
      target: {
        port: (of: number | string) => {
          const named = container.ports?.find((port) => port.name === of)?.containerPort;
          return this.#ports.get(named ?? Number(of));
        },
      },
      launch: (given: V1Container) => this.#launch(given),
      onLines: (name: string, stream: "stdout" | "stderr", lines: readonly string[]) => {
        const { namespace = "", name: pod, labels = {} } = this.pod.metadata;
        this.#parts.logs.add({ namespace, pod, container: name, labels }, stream, lines);
      },
      onChange: () => this.#report(),
    };
  }

  async #launch(container: V1Container) {
    const image = container.image ?? "";
    const platform = platformImage(this.#parts.platformImages, image);
    if (platform !== undefined)
      return { process: this.#launchPlatform(container, platform), imageID: image };
    let pulled: PulledImage;
    try {
      pulled = await this.#parts.pullImage(image);
    } catch (error) {
      throw new ImageError(`failed to pull image "${image}": ${messageOf(error)}`, {
        cause: error,
      });
    }
    const process = this.#parts.sandbox.spawn(this.#spec(container, pulled));
    const isApp = this.pod.spec.containers[0]?.name === container.name;
    if (isApp) this.#writePid(process.pid);
    return { process, imageID: pulled.layersDigest };
  }

  #spec(container: V1Container, image: PulledImage): SandboxSpec {
    const env = containerEnv(container, image.config, this.#envSources());
    const limits = container.resources?.limits ?? {};
    const memoryBytes = parseQuantity(limits["memory"] ?? "");
    const cores = parseQuantity(limits["cpu"] ?? "");
    return {
      label: labelOf(this.pod, container),
      argv: containerArgv(container, image.config, env),
      env,
      cwd: container.workingDir ?? (image.config.workingDir || "/"),
      mounts: containerMounts(this.pod, container, image, this.#dir, this.#sources()),
      ...(hasOwnSystem(image) ? { rootDir: image.rootDir } : {}),
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(cores === undefined ? {} : { cpuMillis: Math.round(cores * 1000) }),
    };
  }

  /** A program of the platform: its own memory limit would be that of a far smaller binary. */
  #launchPlatform(container: V1Container, platform: PlatformImage): SandboxedProcess {
    const config = { ...SIDECAR_ENV, env: { ...platform.env } };
    const env = containerEnv(container, config, this.#envSources());
    const argv = [...platform.argv, ...(container.args ?? []).map((word) => expand(word, env))];
    const spec = {
      label: labelOf(this.pod, container),
      argv,
      env: { ...env, APP_PID_FILE: this.#pidFile() },
      cwd: this.#dir,
    };
    return spawnTrusted(spec, this.#parts);
  }

  #envSources() {
    return { ...this.#sources(), pod: this.pod, podIP: this.#podIP, ports: this.#ports };
  }

  #sources() {
    const { store } = this.#parts;
    const { namespace } = this.pod.metadata;
    return {
      configMap: (name: string) => store.get(CONFIG_MAP, namespace, name),
      secret: (name: string) => store.get(SECRET, namespace, name),
    };
  }

  #pidFile(): string {
    return join(this.#dir, "app.pid");
  }

  #writePid(pid: number): void {
    writeFileSync(`${this.#pidFile()}.next`, `${pid}\n`);
    renameSync(`${this.#pidFile()}.next`, this.#pidFile());
  }

  #report(): void {
    const facts = {
      podIP: this.#podIP,
      containers: this.#containers.map((runner) => runner.status),
      sidecars: this.#sidecars.map((runner) => runner.status),
      restartPolicy: this.pod.spec.restartPolicy ?? "Always",
    };
    this.#parts.onStatus(this.pod, (latest) => podStatus(latest, facts, this.#parts.timers.now()));
  }
}

function isAddressInUse(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}

function platformImage(
  images: Readonly<Record<string, PlatformImage>>,
  reference: string,
): PlatformImage | undefined {
  return Object.entries(images).find(([prefix]) => reference.startsWith(prefix))?.[1];
}

function labelOf(pod: Pod, container: V1Container): string {
  return `${pod.metadata.name}-${container.name}`.replaceAll(/[^a-z0-9-]/g, "-").slice(-100);
}
