/** Reads the Prometheus text format strictly: what it would silently take for something else is an error here. */

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/s;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/y;
const SUFFIX = /_(?:bucket|sum|count)$/;

/** Throws at a sample without HELP and TYPE before it, at a series that is there twice, and at what is no sample. */
export function readMetrics(text: string): readonly Series[] {
  const helped = new Set<string>();
  const types = new Map<string, string>();
  const seen = new Set<string>();
  const series: Series[] = [];
  for (const line of text.trimEnd().split("\n")) {
    const [, what, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.+)$/s.exec(line) ?? [];
    if (what === "HELP") once(helped, name, "HELP");
    else if (what === "TYPE") types.set(once(new Set(types.keys()), name, "TYPE"), rest);
    else {
      const one = readSample(line);
      const family = types.has(one.name) ? one.name : one.name.replace(SUFFIX, "");
      if (!helped.has(family) || !types.has(family)) throw new Error(`no HELP or TYPE: ${line}`);
      if (types.get(family) !== "histogram" && family !== one.name) throw new Error(line);
      once(seen, keyOf(one), "series");
      series.push(one);
    }
  }
  return series;
}

function once(known: Set<string>, key: string, what: string): string {
  if (known.has(key)) throw new Error(`${what} twice: ${key}`);
  known.add(key);
  return key;
}

function keyOf({ name, labels }: Series): string {
  const pairs = Object.entries(labels).map(([label, text]) => JSON.stringify([label, text]));
  return [name, ...pairs.toSorted((a, b) => (a < b ? -1 : 1))].join();
}

function readSample(line: string): Series {
  const [, name, inside = "", number = ""] = SAMPLE.exec(line) ?? [];
  const value = Number(number.replace("+Inf", "Infinity"));
  if (name === undefined || Number.isNaN(value)) throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let end = 0; end < inside.length; end = LABEL.lastIndex) {
    const [, key, text] = LABEL.exec(inside) ?? [];
    if (key === undefined || text === undefined) throw new Error(`bad labels: ${line}`);
    if (key in labels) throw new Error(`label twice: ${line}`);
    labels[key] = text.replaceAll(/\\(.)/gs, (_all, letter: string) =>
      letter === "n" ? "\n" : letter,
    );
  }
  return { name, labels, value };
}
