/** What of WebAssembly is used here: the types of Node do not have it. */
declare namespace WebAssembly {
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  const Module: new (bytes: Uint8Array) => object;
  const Instance: new (
    module: object,
    imports: Readonly<Record<string, object>>,
  ) => { readonly exports: object };
  const RuntimeError: ErrorConstructor;
}

/** The compiled core; the bundler puts its bytes in place of the import. */
declare module "*.wasm" {
  const bytes: Uint8Array;
  export { bytes as default };
}
