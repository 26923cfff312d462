import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";

const MODULE = path.resolve(import.meta.dirname, "logging.ts");
const PROGRAM = `
  import { structuredLogger } from ${JSON.stringify(MODULE)};
  const log = structuredLogger({ service: "orphan", level: "info" });
  log.info("started");
  process.stdin.on("end", () => { log.info("the reader is gone"); process.exit(7); }).resume();
`;

test("a process whose log nobody reads any more ends all the same", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "bf-log-"));
  const program = path.join(folder, "orphan.mts");
  writeFileSync(program, PROGRAM);
  const child = spawn(process.execPath, ["--import", "tsx", program], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  child.stdout.destroy();
  await once(child.stdout, "close");
  child.stdin.end();
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  const [code, signal] = await once(child, "exit");
  clearTimeout(timer);
  rmSync(folder, { recursive: true });
  expect({ code, signal }).toEqual({ code: 7, signal: null });
});
