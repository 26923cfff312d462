/** The two builds of the sidecar, and what each of them may weigh: a build that weighs more fails. */
export const VARIANTS = ["sidecar", "sidecar-tls"] as const;
export type Variant = (typeof VARIANTS)[number];

interface Recipe {
  /** Files of sidecar/host beside the core. */
  readonly sources: readonly string[];
  readonly needsBearSsl: boolean;
  readonly mostBytes: number;
}

const COMMON = ["host.c", "socket.c", "directory.c", "wasm-rt.c"];

export const RECIPES: Readonly<Record<Variant, Recipe>> = {
  sidecar: { sources: [...COMMON, "no-extra.c"], needsBearSsl: false, mostBytes: 80_000 },
  "sidecar-tls": {
    sources: [...COMMON, "extra.c", "names.c", "tls.c", "anchors.c", "fortify.c", "heap.c"],
    needsBearSsl: true,
    mostBytes: 160_000,
  },
};

/** Both builds, after 100 probes and reports; kB as /proc tells it. */
export const MOST_RESIDENT_KB = 256;
export const MEASURED_PROBES = 100;
