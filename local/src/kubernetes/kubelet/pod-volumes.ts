/** Directories behind a pod's volumes, and how a container's mounts come together. */
import { existsSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { V1Container, V1Volume } from "@kubernetes/client-node";
import { SANDBOX_ROOTS } from "../../sandbox/host-view.ts";
import type { SandboxMount } from "../../sandbox/sandbox.ts";
import type { KubeObject, Pod } from "../objects/object.ts";
import { ConfigError } from "./container-env.ts";
import type { PulledImage } from "./image.ts";

export interface VolumeSources {
  configMap(name: string): KubeObject | undefined;
  secret(name: string): KubeObject | undefined;
}

const SYSTEM = ["bin", "usr/bin"];
const SAFE_KEY = /^[A-Za-z0-9._-]{1,253}$/;

/** Whether the image brings a system of its own: then nothing of the host's is shown beside it. */
export function hasOwnSystem(image: PulledImage): boolean {
  return SYSTEM.some((dir) => existsSync(join(image.rootDir, dir)));
}

/**
 * The image's top-level directories (those of an own system are shown by the sandbox), then the volumes over
 * them. Throws ConfigError for what is missing.
 */
export function containerMounts(
  pod: Pod,
  container: V1Container,
  image: PulledImage,
  podDir: string,
  sources: VolumeSources,
): readonly SandboxMount[] {
  const mounts = new Map<string, SandboxMount>();
  const root = realpathSync(image.rootDir);
  const entries = hasOwnSystem(image) ? [] : readdirSync(root, { withFileTypes: true });
  for (const entry of entries) {
    const target = `/${entry.name}`;
    // The toolchain comes from the host, and /tmp is the pod's own.
    if (!entry.isDirectory() || SANDBOX_ROOTS.includes(target) || target === "/tmp") continue;
    mounts.set(target, { source: join(root, entry.name), target, writable: false });
  }
  for (const { name, mountPath, readOnly, subPath } of container.volumeMounts ?? []) {
    if (subPath !== undefined) throw new ConfigError("subPath is not supported by this stand-in");
    const volume = pod.spec.volumes?.find((each) => each.name === name);
    if (volume === undefined) throw new ConfigError(`volume "${name}" not found`);
    const source = volumeDirectory(volume, podDir, sources);
    const writable = volume.emptyDir !== undefined && readOnly !== true;
    const target = mountPath.replace(/(.)\/+$/, "$1");
    mounts.set(target, { source, target, writable });
  }
  return [...mounts.values()];
}

function volumeDirectory(volume: V1Volume, podDir: string, sources: VolumeSources): string {
  const dir = join(podDir, "volumes", volume.name);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (volume.emptyDir !== undefined) return dir;
  const source = sourceOf(volume, sources);
  if (source.object === undefined) {
    if (source.optional) return dir;
    throw new ConfigError(`"${source.name}" of volume "${volume.name}" not found`);
  }
  for (const [key, value] of Object.entries(source.object.data ?? {})) {
    const path = source.items?.find((item) => item.key === key)?.path ?? key;
    if (!SAFE_KEY.test(path) || path.startsWith("..")) continue;
    writeFileSync(join(dir, path), Buffer.from(value, source.encoding), { mode: 0o600 });
  }
  return dir;
}

function sourceOf(volume: V1Volume, sources: VolumeSources) {
  const { configMap, secret } = volume;
  if (configMap !== undefined) {
    const { name = "", items, optional = false } = configMap;
    return { name, items, optional, object: sources.configMap(name), encoding: "utf8" } as const;
  }
  const { secretName: name = "", items, optional = false } = secret ?? {};
  return { name, items, optional, object: sources.secret(name), encoding: "base64" } as const;
}
