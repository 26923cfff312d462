import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { startTestFirestore, ROOT, temporaryDirectory } from "./testing/firestore-fixture.ts";

const directory = temporaryDirectory();
afterAll(() => directory.remove());

const SCRIPT = fileURLToPath(new URL("testing/commit-until-killed.ts", import.meta.url));
const ROUNDS = 3;
const WRITERS = 8;
const COMMITS_BEFORE_KILL = 150;

async function startChild(): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, ["--import", "tsx", SCRIPT, directory.path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { child, port: Number(line.toString()) };
}

test("a server killed under load keeps every acknowledged commit, three times over", async () => {
  const acknowledged = new Set<string>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const { child, port } = await startChild();
    const before = acknowledged.size;
    const write = async (writer: number): Promise<void> => {
      for (let turn = 0; ; turn += 1) {
        const id = `r${round}w${writer}t${turn}`;
        const writes = ["a", "b"].map((part) => ({
          update: { name: `${ROOT}/load/${id}${part}`, fields: { at: { integerValue: turn } } },
          currentDocument: { exists: false },
        }));
        const response = await fetch(`http://127.0.0.1:${port}/v1/${ROOT}:commit`, {
          method: "POST",
          headers: { authorization: "Bearer owner" },
          body: JSON.stringify({ writes }),
        }).catch(() => undefined);
        if (response === undefined) return;
        if (response.status !== 200) throw new Error(`status ${response.status}`);
        acknowledged.add(id);
        if (acknowledged.size >= before + COMMITS_BEFORE_KILL) child.kill("SIGKILL");
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
    if (child.signalCode === null) await once(child, "exit");
  }
  const server = await startTestFirestore({ dataDir: directory.path });
  expect(acknowledged.size).toBeGreaterThanOrEqual(ROUNDS * COMMITS_BEFORE_KILL);
  const lost = [...acknowledged].filter(
    (id) => server.read(`load/${id}a`) === null || server.read(`load/${id}b`) === null,
  );
  expect(lost).toEqual([]);
  // Unacknowledged commits may or may not have made it, but never by half.
  expect(Number(server.info()["documents"]) % 2).toBe(0);
  const sequences: number[] = [];
  await server.replay(0, (commit) => sequences.push(commit.sequence));
  expect(sequences).toEqual(Array.from({ length: server.lastSequence() }, (_, index) => index + 1));
  await server.stop();
});
