import { RegistryError } from "./registry-error.ts";

/** One `bytes=a-b` range as inclusive offsets; undefined without a header. Throws RANGE_INVALID. */
export function parseRange(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | undefined {
  if (header === undefined) return undefined;
  const match = /^bytes=(?:(\d+)-(\d*)|-(\d+))$/.exec(header);
  const [, first, last = "", suffix = "0"] = match ?? [];
  const start = first === undefined ? Math.max(0, size - Number(suffix)) : Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  const isUsable = match !== null && start <= end;
  if (isUsable) return { start, end };
  throw new RegistryError(
    "RANGE_INVALID",
    `range "${header.slice(0, 60)}" does not fit ${size} bytes`,
  );
}
