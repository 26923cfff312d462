import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { detectSandbox } from "./detect-sandbox.ts";
import type { Sandbox } from "./sandbox.ts";
import { makeSmallSystem } from "./testing/small-system.ts";

let dir: string;
let rootDir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "own-root-"));
  rootDir = join(dir, "image");
  mkdirSync(rootDir);
  makeSmallSystem(rootDir, "of the image");
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function sandboxAt(level: Sandbox["level"]): Promise<Sandbox | undefined> {
  const options = { log: silentLogger, timers: systemTimers, stateDir: join(dir, level) };
  return detectSandbox({ ...options, require: level }).catch(() => undefined);
}

function spec(command: string) {
  const argv = ["/bin/sh", "-c", command];
  return { label: "own", argv, env: {}, cwd: "/", mounts: [], rootDir };
}

describe.each(["bwrap+cgroup", "bwrap"] as const)("at level %s an own root", (level) => {
  const run = async (command: string, skip: (note: string) => never): Promise<string> => {
    const sandbox = await sandboxAt(level);
    if (sandbox === undefined) return skip(`${level.split("+").at(-1)} is not installed`);
    try {
      const child = sandbox.spawn(spec(command));
      const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), child.exited]);
      return out + err;
    } finally {
      await sandbox.close();
    }
  };

  test("is the whole system: its files are there and the host's programs are not", async (context) => {
    const command =
      'read -r x < /etc/motto; echo "$x"; [ -e /usr/bin/env ] && echo host; for f in /*; do printf "%s " "$f"; done';
    const out = await run(command, context.skip);
    expect(out).toMatch(/^of the image\n\/bin \/dev \/etc /);
    expect(out).not.toContain("host\n");
    expect(existsSync("/usr/bin/env")).toBe(true);
  });

  test("cannot be written to, but /tmp can", async (context) => {
    const out = await run("echo x > /tmp/x && echo y > /etc/motto", context.skip);
    expect(out).toMatch(/\/etc\/motto: Read-only file system/);
    expect(readFileSync(join(rootDir, "etc/motto"), "utf8")).toBe("of the image\n");
  });

  test("resolves names as the machine does, not as the builder did", async (context) => {
    const out = await run('while read -r x; do echo "$x"; done < /etc/hosts', context.skip);
    expect(out.trim()).not.toContain("builder");
    expect(out.split(/\s+/)).toContain("localhost");
  });
});

test.for(["unshare", "plain"] as const)(
  "at level %s an own root is refused",
  async (level, { skip }) => {
    const sandbox = (await sandboxAt(level)) ?? skip(`${level} is not installed`);
    expect(() => sandbox.spawn(spec("true"))).toThrow(
      /needs bubblewrap.*apt-get install bubblewrap/,
    );
    await sandbox.close();
  },
);
