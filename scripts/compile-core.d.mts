export function compileCore(options?: {
  readonly flags?: readonly string[];
  readonly source?: (name: string) => string | null;
}): Promise<Uint8Array>;
