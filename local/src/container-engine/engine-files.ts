/** The engine's configuration for one build: nothing of the user's own podman is read but images already there. */
import { existsSync, mkdirSync, statfsSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export interface EngineSettings {
  /** `host:port` of the platform's registry, reached over plain HTTP. */
  readonly registry: string;
  readonly registryToken: string;
  readonly isRoot: boolean;
  /** Container runtime for RUN steps; null leaves the choice to podman. */
  readonly runtime: string | null;
}

const OVERLAY_MAGIC = 0x794c7630;

/** Writes the files below `dir` and returns the environment that points podman at them. */
export function writeEngineFiles(
  dir: string,
  settings: EngineSettings,
): Readonly<Record<string, string>> {
  const tmp = join(dir, "tmp");
  mkdirSync(tmp, { recursive: true, mode: 0o700 });
  const files = {
    CONTAINERS_CONF: ["containers.conf", containersConf(settings, tmp)],
    CONTAINERS_STORAGE_CONF: ["storage.conf", storageConf(dir, settings.isRoot)],
    CONTAINERS_REGISTRIES_CONF: ["registries.conf", registriesConf(settings.registry)],
    REGISTRY_AUTH_FILE: ["auth.json", authJson(settings)],
  } as const;
  const env: Record<string, string> = { TMPDIR: tmp, HOME: tmp, XDG_RUNTIME_DIR: tmp };
  for (const [variable, [name, text]] of Object.entries(files)) {
    const path = join(dir, name);
    writeFileSync(path, text, { mode: 0o600 });
    env[variable] = path;
  }
  return env;
}

/** The engine's own default limits need a capability that containers and some machines do not give. */
function containersConf({ runtime }: EngineSettings, tmp: string): string {
  return `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
${runtime === null ? "" : `runtime = ${quote(runtime)}\n`}cgroup_manager = "cgroupfs"
events_logger = "none"
tmp_dir = ${quote(join(tmp, "libpod"))}
`;
}

/** Images of the user's own store serve as base images without a network: `podman pull` them once. */
function storageConf(dir: string, isRoot: boolean): string {
  const driver = statfsSync(dir).type === OVERLAY_MAGIC ? "vfs" : "overlay";
  const own = isRoot
    ? "/var/lib/containers/storage"
    : join(homedir(), ".local/share/containers/storage");
  const stores = existsSync(join(own, `${driver}-images`)) && isRoot ? quote(own) : "";
  return `[storage]
driver = "${driver}"
graphroot = ${quote(join(dir, "store"))}
runroot = ${quote(join(dir, "run"))}
[storage.options]
additionalimagestores = [${stores}]
`;
}

function registriesConf(registry: string): string {
  return `unqualified-search-registries = ["docker.io"]
short-name-mode = "permissive"
[[registry]]
location = ${quote(registry)}
insecure = true
`;
}

function authJson({ registry, registryToken }: EngineSettings): string {
  const auth = Buffer.from(`oauth2accesstoken:${registryToken}`).toString("base64");
  return JSON.stringify({ auths: { [registry]: { auth } } });
}

/** A TOML basic string; JSON's escapes are a part of TOML's. */
function quote(text: string): string {
  return JSON.stringify(text);
}
