/** What stands in for each build step image on this machine: the host's own toolchains, pack's bundle, and podman. */
import path from "node:path";
import type { StepImage } from "../cloud-build/index.ts";
import { createPodman } from "../container-engine/podman.ts";
import { type AssemblyContext, PLATFORM_IMAGES } from "./context.ts";

/** Programs a runtime's toolchain must offer; a missing one fails the build by name. */
const REQUIRED_TOOLS: Readonly<Record<string, readonly string[]>> = {
  node: ["node", "npm"],
  python: ["python3"],
  go: ["go"],
  rust: ["cargo"],
  elixir: ["mix"],
  zig: ["zig"],
  ocaml: ["dune"],
};

export function stepImages(context: AssemblyContext): Readonly<Record<string, StepImage>> {
  const toolchains = Object.entries(REQUIRED_TOOLS).map(
    ([runtime, requires]): [string, StepImage] => [
      `${PLATFORM_IMAGES.toolchains}/${runtime}`,
      { requires },
    ],
  );
  return {
    ...Object.fromEntries(toolchains),
    [`${PLATFORM_IMAGES.toolchains}/docker`]: { engine: podman(context) },
    [PLATFORM_IMAGES.pack]: {
      argvPrefix: ["node", "/bifrost/pack.mjs"],
      mounts: [
        {
          source: path.join(context.root, "dist", "pack.mjs"),
          target: "/bifrost/pack.mjs",
          writable: false,
        },
      ],
      env: { PACK_REGISTRY_TOKEN: context.secrets.registryToken },
    },
  };
}

function podman({ addresses, config, secrets, timers, log }: AssemblyContext) {
  return createPodman({
    registry: `127.0.0.1:${addresses.registry}`,
    registryToken: secrets.registryToken,
    home: config.home,
    searchPath: config.searchPath,
    timers,
    log,
  });
}
