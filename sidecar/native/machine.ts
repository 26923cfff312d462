/** The processors a sidecar is built for, and what their parts are called by compilers, Debian and containers. */
export const MACHINES = ["amd64", "arm64"] as const;
export type Machine = (typeof MACHINES)[number];

interface Names {
  /** What Node calls it. */
  readonly node: string;
  /** Prefix of GNU's compilers. */
  readonly gnu: string;
  /** Folder of musl's files. */
  readonly musl: string;
  readonly compilerFlags: readonly string[];
}

export const NAMES: Readonly<Record<Machine, Names>> = {
  amd64: {
    node: "x64",
    gnu: "x86_64-linux-gnu",
    musl: "x86_64-linux-musl",
    compilerFlags: [],
  },
  arm64: {
    node: "arm64",
    gnu: "aarch64-linux-gnu",
    musl: "aarch64-linux-musl",
    // Atomics without calls into a library that looks at the processor first.
    compilerFlags: ["-mno-outline-atomics"],
  },
};

/** The machine this runs on; undefined when no sidecar is built for it. */
export function thisMachine(): Machine | undefined {
  return MACHINES.find((machine) => NAMES[machine].node === process.arch);
}
