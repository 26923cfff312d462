/**
 * The number types of AssemblyScript, so that TypeScript reads the same sources. As plain TypeScript they are all numbers:
 * casts (`x as u8`) vanish, and whole numbers stay within what both forms compute alike.
 */
declare type bool = boolean;
declare type u8 = number;
declare type i32 = number;
declare type f64 = number;
declare type usize = number;

interface Uint8Array {
  /** Where the bytes are in linear memory; only ./host.ts looks at it. */
  readonly dataStart: usize;
}

interface Int32Array {
  readonly dataStart: usize;
}
