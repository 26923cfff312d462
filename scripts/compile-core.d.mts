export function compileCore(options?: { readonly flags?: readonly string[] }): Promise<Uint8Array>;
