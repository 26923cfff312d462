/** What nodes make of processes that are killed and stopped: their kernel says so at once, or does not. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { buildPrograms, type BuiltPrograms } from "@bifrost/gateway/testing/worker-program";
import { until } from "../../support/until.ts";
import { allAlive, NodeProcess } from "./node-processes.ts";

let programs: BuiltPrograms;
beforeAll(async () => {
  programs = await buildPrograms("gossip/testing/node-program");
});
afterAll(() => programs.remove());

async function cluster(size: number, key: string | null): Promise<NodeProcess[]> {
  const script = programs.script("gossip/testing/node-program");
  const nodes: NodeProcess[] = [];
  onTestFinished(() => {
    for (const node of nodes) node.signal("SIGKILL");
  });
  const start = (join: readonly string[]) => {
    const input = { id: `node-${nodes.length}`, bindAddress: "127.0.0.1", port: 0, join, key };
    const node = new NodeProcess(script, input);
    nodes.push(node);
    return node;
  };
  const join = [await start([]).isUp()];
  while (nodes.length < size) start(join);
  await allAlive(nodes);
  return nodes;
}

test.each([
  ["sealed", randomBytes(32).toString("base64")],
  ["not sealed", null],
])(
  "killed processes are refused by their kernel, and dead to every survivor (%s)",
  async (_, key) => {
    const survivors = await cluster(5, key);
    // One after another: the third failure of a small cluster is found as the first one is.
    for (let killed = 0; killed < 3; killed++) {
      const victim = survivors.pop();
      victim?.signal("SIGKILL");
      const id = victim?.id ?? "";
      await until(() => survivors.every((node) => node.stateOf(id) === "dead"), { everyMs: 5 });
      const deaths = survivors.map((node) => node.first(id, "dead"));
      expect(deaths.map((death) => death?.evidence)).toEqual(survivors.map(() => "refused"));
    }
    expect(survivors.map((node) => survivors.map(({ id }) => node.first(id, "dead")))).toEqual(
      survivors.map(() => survivors.map(() => undefined)),
    );
  },
);

test("a stopped process is stalled: suspect without being dead, and alive again when it goes on", async () => {
  const nodes = await cluster(3, randomBytes(32).toString("base64"));
  const [victim, ...others] = nodes;
  if (victim === undefined) throw new Error("three nodes");
  victim.signal("SIGSTOP");
  onTestFinished(() => victim.signal("SIGCONT"));
  await until(() => others.every((node) => node.stateOf(victim.id) === "suspect"), { everyMs: 10 });
  for (const node of others) expect(node.first(victim.id, "suspect")?.evidence).toBe("stalled");
  victim.signal("SIGCONT");
  await until(() => others.every((node) => node.stateOf(victim.id) === "alive"), { everyMs: 10 });
  expect(nodes.flatMap(({ changes }) => changes).filter(({ state }) => state === "dead")).toEqual(
    [],
  );
});
