/** Where a node of the benchmark runs: an address of its own, on the loopback device or in a network namespace. */
export interface Place {
  readonly address: string;
  /** null = the benchmark's own. */
  readonly namespace: string | null;
}

/** The command that runs `program` at a place. */
export function commandAt(
  { namespace }: Place,
  program: string,
  args: readonly string[],
): [string, string[]] {
  if (namespace === null) return [program, [...args]];
  return ["ip", ["netns", "exec", namespace, program, ...args]];
}

/** 127.0.9.1 and so on. */
function loopbackPlace(index: number): Place {
  return { address: `127.0.9.${index + 1}`, namespace: null };
}

export function loopbackPlaces(size: number): readonly Place[] {
  return Array.from({ length: size }, (_, index) => loopbackPlace(index));
}
