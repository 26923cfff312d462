/**
 * Plays one seed of the property tests again and tells what happened.
 * Example: npx tsx gateway/src/gossip/simulation/replay.ts wild 4711
 */
import { runSeed } from "./run-seed.ts";

const [kind, text] = process.argv.slice(2);
const seed = Number(text);
if ((kind !== "wild" && kind !== "calm") || !Number.isSafeInteger(seed)) {
  process.stderr.write("Usage: npx tsx gateway/src/gossip/simulation/replay.ts wild|calm <seed>\n");
  process.exit(64);
}

const { scenario, cluster, problems } = runSeed(seed, kind);
const lines: { readonly at: number; readonly text: string }[] = [
  ...scenario.faults.map(({ at, fault }) => ({ at, text: `** ${JSON.stringify(fault)}` })),
  { at: scenario.endsAt, text: "** everything healed" },
  ...cluster.changes.map(({ at, observer, member, former }) => ({
    at,
    text: `${observer} sees ${member.id} ${former?.state ?? "nowhere"} -> ${member.state} ${member.evidence ?? ""} incarnation ${member.incarnation} at ${member.address}`,
  })),
];
for (const line of lines.toSorted((a, b) => a.at - b.at)) {
  process.stdout.write(`${line.at.toFixed(1).padStart(10)}  ${line.text}\n`);
}
process.stdout.write(`${problems.length === 0 ? "nothing is wrong" : problems.join("\n")}\n`);
