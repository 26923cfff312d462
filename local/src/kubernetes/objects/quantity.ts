/** Kubernetes quantities: `128Mi` is bytes, `250m` a quarter of a core. */

const QUANTITY = /^([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?\d+)?$/;
const SUFFIX: Readonly<Record<string, number>> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The plain number (bytes, cores), or undefined when the text is no quantity. */
export function parseQuantity(text: string): number | undefined {
  const match = QUANTITY.exec(text);
  if (match === null) return undefined;
  const suffix = match[2] ?? "";
  const scale = SUFFIX[suffix] ?? (suffix === "" ? 1 : Number(`1${suffix}`));
  return Number(match[1]) * scale;
}

/** `25%` of `total`, or the number itself; percentages round as told. */
export function resolveIntOrPercent(
  value: number | string | undefined,
  total: number,
  round: "up" | "down",
): number {
  if (value === undefined) return 0;
  if (typeof value === "number") return value;
  const percent = Number(value.replace(/%$/, ""));
  const exact = value.endsWith("%") ? (percent * total) / 100 : percent;
  return round === "up" ? Math.ceil(exact) : Math.floor(exact);
}
