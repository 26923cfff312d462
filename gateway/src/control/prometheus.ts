/** Metrics as values, and their text in the Prometheus exposition format. */
import type { Histogram } from "../telemetry/probe-metrics.ts";

export interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** One sentence. */
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  /** Behind the name: `_bucket`, or nothing. */
  readonly suffix?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Its name and what it says. */
type Named = readonly [name: string, help: string];

export function counter([name, help]: Named, value: number): Metric {
  return { name, help, type: "counter", samples: [{ value }] };
}

export function gauge([name, help]: Named, value: number): Metric {
  return { name, help, type: "gauge", samples: [{ value }] };
}

/** One sample for each value, told apart by `label`. */
export function byLabel(
  [name, help]: Named,
  type: "counter" | "gauge",
  label: string,
  values: Readonly<Record<string, number>> | ReadonlyMap<string, number>,
): Metric {
  const entries = values instanceof Map ? [...values] : Object.entries(values);
  const samples = entries.map(([key, value]: [string, number]) => ({
    labels: { [label]: key },
    value,
  }));
  return { name, help, type, samples };
}

export function histogram([name, help]: Named, { bounds, counts, sum }: Histogram): Metric {
  let total = 0;
  const buckets = [...bounds.map(String), "+Inf"].map((le, index) => {
    total += counts[index] ?? 0;
    return { suffix: "_bucket", labels: { le }, value: total };
  });
  const rest = [
    { suffix: "_sum", value: sum },
    { suffix: "_count", value: total },
  ];
  return { name, help, type: "histogram", samples: [...buckets, ...rest] };
}

export function renderMetrics(metrics: readonly Metric[]): string {
  const lines = metrics.flatMap(({ name, help, type, samples }) => [
    `# HELP ${name} ${escaped(help)}`,
    `# TYPE ${name} ${type}`,
    ...samples.map((sample) => `${name}${seriesOf(sample)} ${sample.value}`),
  ]);
  return `${lines.join("\n")}\n`;
}

function seriesOf({ suffix = "", labels = {} }: Sample): string {
  const pairs = Object.entries(labels).map(
    ([key, text]) => `${key}="${escaped(text).replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? suffix : `${suffix}{${pairs.join(",")}}`;
}

/** As the exposition format wants it of help texts; label values escape the quotation mark too. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
