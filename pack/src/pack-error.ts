/** A failure the developer can act on: shown as one line, exit code 1. */
export class PackError extends Error {
  override readonly name = "PackError";
}
