/** The build as a list of ordinary steps: install, the app's own command, then pack; or `docker build`. Pure. */
import type { AppConfig } from "@bifrost/shared/app-config/app-config";
import type { BuildStep } from "@bifrost/shared/ports/image-builder";

export interface BuildSettings {
  /** Prefix of the toolchain images; the runtime's name is appended. */
  readonly toolchains: string;
  readonly packImage: string;
  /** Where the image is pushed: registry/repository:tag. */
  readonly target: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What each toolchain does first when the repository declares dependencies; nothing for those that do not. */
const INSTALL: Readonly<Partial<Record<AppConfig["runtime"], string>>> = {
  node: "if [ -f package-lock.json ]; then npm ci --no-audit --no-fund; elif [ -f package.json ] && grep -q '\"dependencies\"' package.json; then npm install --no-audit --no-fund; fi",
  python:
    "if [ -f requirements.txt ]; then python3 -m pip install --no-cache-dir --target .python -r requirements.txt; fi",
  static: "if [ -f package-lock.json ]; then npm ci --no-audit --no-fund; fi",
};

/** Toolchain of a static site's own build command: the tools of the web. */
const STATIC_TOOLCHAIN = "node";

export function buildSteps(config: AppConfig, settings: BuildSettings): readonly BuildStep[] {
  if (config.runtime === "docker") return [dockerStep(config, settings)];
  const toolchain = config.runtime === "static" ? STATIC_TOOLCHAIN : config.runtime;
  const image = `${settings.toolchains}/${toolchain}`;
  const shell = (id: string, command: string): BuildStep => ({
    id,
    image,
    entrypoint: "sh",
    args: ["-ec", command],
    env: envOf(config),
    ...dirOf(config.app.root),
  });
  const install = INSTALL[config.runtime];
  return [
    ...(install === undefined ? [] : [shell("install", install)]),
    ...(config.build.command === null ? [] : [shell("build", config.build.command)]),
    packStep(config, settings),
  ];
}

function packStep(
  config: Exclude<AppConfig, { runtime: "docker" }>,
  settings: BuildSettings,
): BuildStep {
  const packed = config.runtime === "static" ? config.static.dir : config.build.output;
  const how = config.runtime === "static" ? ["--static"] : ["--command", config.run.command];
  return {
    id: "pack",
    image: settings.packImage,
    entrypoint: "pack",
    args: [
      "--dir",
      joinPath("/workspace", config.app.root, packed),
      "--image",
      settings.target,
      ...how,
      ...labelArgs(settings.labels),
    ],
    env: [],
  };
}

/** Images the steps leave behind for the builder to push: pack has pushed its own. */
export function imagesToPush(config: AppConfig, settings: BuildSettings): readonly string[] {
  return config.runtime === "docker" ? [settings.target] : [];
}

/** Arguments only, no shell: a path of the repository stays a path whatever it holds. */
function dockerStep(
  config: Extract<AppConfig, { runtime: "docker" }>,
  settings: BuildSettings,
): BuildStep {
  return {
    id: "docker",
    image: `${settings.toolchains}/docker`,
    entrypoint: "docker",
    args: [
      "build",
      "--file",
      config.build.dockerfile,
      "--tag",
      settings.target,
      ...labelArgs(settings.labels),
      ".",
    ],
    env: [],
    ...dirOf(config.app.root),
  };
}

function envOf(config: AppConfig): readonly string[] {
  return Object.entries(config.env).map(([name, value]) => `${name}=${value}`);
}

function dirOf(root: string): { dir?: string } {
  return root === "." ? {} : { dir: root };
}

function joinPath(...parts: readonly string[]): string {
  return parts.filter((part) => part !== ".").join("/");
}

function labelArgs(labels: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
}
