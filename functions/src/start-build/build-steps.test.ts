import type { AppConfig } from "@bifrost/shared/app-config/app-config";
import { parseAppConfig } from "@bifrost/shared/app-config/parse";
import { RUNTIME_NAMES, type Runtime } from "@bifrost/shared/app-config/runtimes";
import { assert, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { type BuildSettings, buildSteps, imagesToPush } from "./build-steps.ts";

const SETTINGS: BuildSettings = {
  toolchains: "registry.example/toolchains",
  packImage: "registry.example/pack@sha256:0",
  target: "registry.example/apps/p1:d1-1",
  labels: {},
};
const NEEDS_COMMAND: readonly Runtime[] = ["rust", "elixir", "zig", "ocaml"];

function configOf(runtime: Runtime, more = ""): AppConfig {
  const run = NEEDS_COMMAND.includes(runtime) ? '[run]\ncommand = "./serve"\n' : "";
  const dir =
    runtime === "static" && !more.includes("[static]") ? '[static]\ndir = "public"\n' : "";
  const text = `[app]\nname = "shop"\nruntime = "${runtime}"\n${more}\n${run}${dir}`;
  const parsed = parseAppConfig(text);
  if (parsed.ok) return parsed.config;
  throw new Error(parsed.diagnostics.map(({ message }) => message).join("\n"));
}

/** Step ids with the toolchain each runs in. */
const PLANS: Readonly<Record<Runtime, readonly string[]>> = {
  node: ["install node", "pack"],
  python: ["install python", "pack"],
  go: ["build go", "pack"],
  rust: ["build rust", "pack"],
  elixir: ["build elixir", "pack"],
  zig: ["build zig", "pack"],
  ocaml: ["build ocaml", "pack"],
  static: ["install node", "pack"],
  docker: ["docker docker"],
};

describe.each(RUNTIME_NAMES)("a %s app", (runtime) => {
  const steps = buildSteps(configOf(runtime), SETTINGS);

  test("is built by its own toolchain, then packed", () => {
    const plan = steps.map(({ id, image }) =>
      image === SETTINGS.packImage
        ? id
        : `${id} ${image.replace("registry.example/toolchains/", "")}`,
    );
    expect(plan).toEqual(PLANS[runtime]);
  });

  test("reaches the registry exactly once: by pack, or by the builder's own push", () => {
    const packed = steps.filter(({ args }) => args.includes("--image")).length;
    expect(packed + imagesToPush(configOf(runtime), SETTINGS).length).toBe(1);
    expect(steps.some(({ args }) => args.includes(SETTINGS.target))).toBe(true);
  });

  test("is built below its own root", () => {
    const moved = buildSteps(configOf(runtime, 'root = "services/shop"'), SETTINGS);
    for (const step of moved) {
      const at = step.id === "pack" ? step.args[step.args.indexOf("--dir") + 1] : step.dir;
      expect(at).toMatch(/^(\/workspace\/)?services\/shop(\/public)?$/);
    }
  });
});

test("a runtime's own build command and its output folder are what is run and packed", () => {
  const config = configOf("go", '[build]\ncommand = "make all"\noutput = "out"\n[env]\nA = "1"');
  const [build, pack] = buildSteps(config, SETTINGS);
  expect(build).toMatchObject({ entrypoint: "sh", args: ["-ec", "make all"], env: ["A=1"] });
  expect(pack?.args).toEqual([
    "--dir",
    "/workspace/out",
    "--image",
    SETTINGS.target,
    "--command",
    "./app",
  ]);
});

test("of a static site only its folder is packed", () => {
  const config = configOf("static", '[static]\ndir = "dist"\nspa = true\n[health]\npath = "/up"');
  expect(buildSteps(config, SETTINGS).at(-1)?.args).toEqual([
    "--dir",
    "/workspace/dist",
    "--image",
    SETTINGS.target,
    "--static",
  ]);
});

test("labels reach pack and docker alike", () => {
  const settings = { ...SETTINGS, labels: { team: "a b" } };
  for (const runtime of ["node", "docker"] as const) {
    expect(buildSteps(configOf(runtime), settings).at(-1)?.args.join("|")).toContain(
      "--label|team=a b",
    );
  }
});

test("docker is called without a shell, so that a path is never a command", () => {
  const config = configOf("docker", '[build]\ndockerfile = "deploy/Dockerfile"');
  expect(buildSteps(config, SETTINGS)).toEqual([
    {
      id: "docker",
      image: "registry.example/toolchains/docker",
      entrypoint: "docker",
      args: ["build", "--file", "deploy/Dockerfile", "--tag", SETTINGS.target, "."],
      env: [],
    },
  ]);
  assert(
    property(string({ minLength: 1 }), (dockerfile) => {
      const odd = { ...config, build: { dockerfile } } as AppConfig;
      const [step] = buildSteps(odd, SETTINGS);
      expect(step?.args).toContain(dockerfile);
      expect(step?.args).toHaveLength(6);
    }),
  );
});
