/** Words a build uses when the tool it needs is not installed where it runs. */
const MARK = /runtime-unavailable:/;

/** `runtime-unavailable` when the build ended because a toolchain is missing; null for any other failure. */
export function readToolchainFailure(
  detail: string | null,
  lines: readonly string[],
): "runtime-unavailable" | null {
  return [detail ?? "", ...lines].some((line) => MARK.test(line)) ? "runtime-unavailable" : null;
}
