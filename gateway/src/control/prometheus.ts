/** Metrics as values, and their text in the Prometheus exposition format. */
import type { Histogram } from "../telemetry/probe-metrics.ts";

export interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly samples: readonly {
    /** Behind the name: `_bucket`, or nothing. */
    readonly suffix?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

export function counter(name: string, value: number): Metric {
  return { name, type: "counter", samples: [{ value }] };
}

export function gauge(name: string, value: number): Metric {
  return { name, type: "gauge", samples: [{ value }] };
}

/** One sample for each value, told apart by `label`. */
export function byLabel(
  name: string,
  type: "counter" | "gauge",
  label: string,
  values: Readonly<Record<string, number>>,
): Metric {
  const samples = Object.entries(values).map(([key, value]) => ({
    labels: { [label]: key },
    value,
  }));
  return { name, type, samples };
}

export function histogram(name: string, { bounds, counts, sum }: Histogram): Metric {
  let total = 0;
  const buckets = [...bounds.map(String), "+Inf"].map((le, index) => {
    total += counts[index] ?? 0;
    return { suffix: "_bucket", labels: { le }, value: total };
  });
  const rest = [
    { suffix: "_sum", value: sum },
    { suffix: "_count", value: total },
  ];
  return { name, type: "histogram", samples: [...buckets, ...rest] };
}

export function renderMetrics(metrics: readonly Metric[]): string {
  const lines = metrics.flatMap(({ name, type, samples }) => [
    `# TYPE ${name} ${type}`,
    ...samples.map(({ suffix = "", labels = {}, value }) => {
      const pairs = Object.entries(labels).map(([key, text]) => `${key}="${text}"`);
      return `${name}${suffix}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
    }),
  ]);
  return `${lines.join("\n")}\n`;
}
