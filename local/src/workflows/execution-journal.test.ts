import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ExecutionJournal } from "./execution-journal.ts";
import { FakeFunctions } from "./testing/fake-functions.ts";
import { startForTest } from "./testing/start-for-test.ts";

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), "bf-workflows-"))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const begun = (executionId: string) => ({
  workflowId: "w",
  executionId,
  argument: '{"n":1}',
  labels: { a: "b" },
});

describe("the journal of executions", () => {
  test("names what was begun and not ended, oldest first", () => {
    const journal = new ExecutionJournal(dir);
    for (const id of ["one", "two", "three"]) journal.begin(begun(id));
    journal.end("two");
    journal.close();
    const later = new ExecutionJournal(dir);
    later.end("one");
    later.close();
    expect(later.interrupted).toEqual([begun("one"), begun("three")]);
    const last = new ExecutionJournal(dir);
    last.close();
    expect(last.interrupted).toEqual([begun("three")]);
  });

  test("loses nothing but the torn line to a process that was killed while it wrote", () => {
    const journal = new ExecutionJournal(dir);
    journal.begin(begun("one"));
    journal.close();
    appendFileSync(join(dir, "executions.jsonl"), '{"begun":{"workflowId":"w","exec');
    const later = new ExecutionJournal(dir);
    later.begin(begun("two"));
    later.close();
    expect(later.interrupted).toEqual([begun("one")]);
    const last = new ExecutionJournal(dir);
    last.close();
    expect(last.interrupted).toEqual([begun("one"), begun("two")]);
  });
});

const CALLING = `
main:
  params: [args]
  steps:
    - tell:
        call: http.post
        args:
          url: \${sys.get_env("LISTENER")}
          body: {id: '\${sys.get_env("GOOGLE_CLOUD_WORKFLOW_EXECUTION_ID")}', n: '\${args.n}'}
    - nap: {call: sys.sleep, args: {seconds: 3600}}
`;

test("an execution that its process left unfinished runs again under its id, a finished one does not", async () => {
  const functions = await FakeFunctions.start();
  const options = { dataDir: dir, env: { LISTENER: `${functions.url}/listen` } };
  const first = await startForTest({ w: CALLING }, options);
  const { executionId } = first.executions.start("w", '{"n":3}', {});
  const cancelled = first.executions.start("w", '{"n":4}', {});
  await first.executions.cancel("w", cancelled.executionId);
  await first.stop();

  const second = await startForTest({ w: CALLING }, options);
  expect(second.executions.get("w", executionId)).toBeUndefined();
  const before = functions.calls.length;
  second.resume();
  expect(second.executions.get("w", executionId)).toMatchObject({ state: "ACTIVE" });
  expect(second.executions.get("w", cancelled.executionId)).toBeUndefined();
  await expect
    .poll(() => functions.calls.slice(before).map((call) => call.body))
    .toEqual([{ id: executionId, n: 3 }]);
  await second.stop();
  await functions.stop();
});
