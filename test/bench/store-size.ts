/** How long the embedded store takes to start, and what a document costs, with documents that resemble deployments. */
import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { removeFolder, ROOT, temporaryFolder } from "../support/folders.ts";
import { type BenchResult, median, type Row, seconds } from "./support/bench.ts";
import type { SizedStoreFacts } from "./support/store-messages.ts";

export const name = "size of the embedded store";

const RUNS = 3;
const SIZES = [
  { documents: 10_000, reachSeconds: 0.2 },
  { documents: 100_000, reachSeconds: 1.5 },
];
const FORMS = ["snapshot", "log"] as const;

export async function run(): Promise<BenchResult> {
  const rows: Row[] = [];
  for (const { documents, reachSeconds } of SIZES) {
    for (const form of FORMS) {
      const folder = temporaryFolder("bf-size-");
      await inChild("fill", folder, documents, form);
      const runs: SizedStoreFacts[] = [];
      for (let turn = 0; turn < RUNS; turn++) {
        const facts = await inChild("open", folder, documents, form);
        if (facts !== undefined) runs.push(facts);
      }
      removeFolder(folder);
      rows.push(...rowsOf(`${documents} documents from a ${form}`, runs, reachSeconds));
    }
  }
  return { rows };
}

function rowsOf(what: string, runs: readonly SizedStoreFacts[], reach: number): Row[] {
  const middle = (of: (facts: SizedStoreFacts) => number) => median(runs.map(of));
  return [
    {
      metric: `${what}, start, p50 of ${RUNS}`,
      value: seconds(middle(({ startMs }) => startMs)),
      unit: "s",
      reach,
    },
    {
      metric: `${what}, heap of one`,
      value: Math.round(middle(({ heapBytes }) => heapBytes)),
      unit: "bytes",
    },
    {
      metric: `${what}, resident memory of one`,
      value: Math.round(middle(({ residentBytes }) => residentBytes)),
      unit: "bytes",
    },
  ];
}

async function inChild(
  mode: "fill" | "open",
  folder: string,
  documents: number,
  form: string,
): Promise<SizedStoreFacts | undefined> {
  const child = fork(
    path.join(ROOT, "test/bench/support/sized-store.ts"),
    [mode, folder, String(documents), form],
    { execArgv: ["--import", "tsx", "--expose-gc"] },
  );
  let facts: SizedStoreFacts | undefined;
  child.once("message", (message) => (facts = message as SizedStoreFacts));
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`the store over ${documents} documents ended with ${code}`);
  return facts;
}
