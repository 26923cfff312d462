import { array, assert, dictionary, nat, property, string } from "fast-check";
import { expect, test } from "vitest";
import { readMetrics } from "../testing/read-metrics.ts";
import { byLabel, counter, histogram, renderMetrics } from "./prometheus.ts";

test("whatever a label says is read as what it was", () => {
  const values = dictionary(string({ unit: "binary", maxLength: 12 }), nat());
  assert(
    property(values, string({ minLength: 1, maxLength: 20 }), (byKey, words) => {
      const help = `What ${JSON.stringify(words)} says.`;
      const text = renderMetrics([byLabel(["m_total", help], "counter", "key", byKey)]);
      const read = readMetrics(text).map(({ labels, value }) => [labels["key"], value]);
      expect(Object.fromEntries(read)).toEqual({ ...byKey });
    }),
  );
});

test("a histogram's buckets contain each other and the last holds all", () => {
  const counts = array(nat(100), { minLength: 4, maxLength: 4 });
  assert(
    property(counts, (found) => {
      const text = renderMetrics([
        histogram(["h", "How long."], { bounds: [0.1, 1, 10], counts: found, sum: 7 }),
      ]);
      const read = readMetrics(text);
      const buckets = read.filter(({ name }) => name === "h_bucket").map(({ value }) => value);
      expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
      const total = found.reduce((sum, value) => sum + value, 0);
      expect(buckets.at(-1)).toBe(total);
      expect(read).toContainEqual({ name: "h_count", labels: {}, value: total });
    }),
  );
});

test.each([
  ["a sample without HELP", "# TYPE a counter\na 1\n"],
  ["a sample without TYPE", "# HELP a b\na 1\n"],
  ["a series that is there twice", '# HELP a b\n# TYPE a gauge\na{x="1"} 1\na{x="1"} 2\n'],
  ["a metric that is there twice", renderMetrics([counter(["a", "b"], 1), counter(["a", "b"], 1)])],
  ["a quotation mark that ends a label", '# HELP a b\n# TYPE a gauge\na{x="1"2"} 1\n'],
  ["no number", "# HELP a b\n# TYPE a gauge\na x\n"],
])("the reader of these tests refuses %s", (_what, text) => {
  expect(() => readMetrics(text)).toThrow(/twice|no HELP|bad labels|no sample/);
});
