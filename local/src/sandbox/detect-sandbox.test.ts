import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { detectSandbox } from "./detect-sandbox.ts";
import { readProcesses } from "./process-table.ts";
import type { Sandbox, SandboxLevel, SandboxSpec } from "./sandbox.ts";

const MEGABYTE = 1024 ** 2;
const stateDir = mkdtempSync(join(tmpdir(), "sandbox-test-"));
const open: Sandbox[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((sandbox) => sandbox.close()));
});
afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

async function sandboxAt(level: SandboxLevel): Promise<Sandbox> {
  const sandbox = await detectSandbox({
    log: silentLogger,
    timers: systemTimers,
    stateDir,
    require: level,
  });
  open.push(sandbox);
  return sandbox;
}

async function offered(): Promise<readonly SandboxLevel[]> {
  const found: SandboxLevel[] = [];
  for (const level of ["bwrap+cgroup", "bwrap", "unshare", "plain"] as const) {
    try {
      await (await sandboxAt(level)).close();
      found.push(level);
    } catch {
      // This machine does not offer it: nothing to test.
    }
  }
  return found;
}

function spec(argv: readonly string[], more: Partial<SandboxSpec> = {}): SandboxSpec {
  return { label: "test", argv, env: {}, cwd: "/", mounts: [], ...more };
}

async function run(sandbox: Sandbox, given: SandboxSpec) {
  const running = sandbox.spawn(given);
  const [out, err, report] = await Promise.all([
    text(running.stdout),
    text(running.stderr),
    running.exited,
  ]);
  return { out, err, report };
}

/** Sleeps of a length nobody else uses, so that leftovers are found on the whole machine. */
function sleepersOf(seconds: number): number {
  return readProcesses().filter((entry) => {
    try {
      return commandLine(entry.pid) === `sleep\0${seconds}\0`;
    } catch {
      return false;
    }
  }).length;
}

function commandLine(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8");
}

async function until(condition: () => boolean, what: string, withinMs = 10_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await systemTimers.sleep(20);
  }
}

const levels = await offered();
let sleepLength = 500_000 + (process.pid % 10_000) * 10;

/** A tree that ignores SIGTERM: a shell, its child and a grandchild in a background shell. */
function stubbornTree(seconds: number): readonly string[] {
  return [
    "/bin/sh",
    "-c",
    `trap '' TERM; (trap '' TERM; sleep ${seconds} & wait) & sleep ${seconds} & echo up; wait; wait`,
  ];
}

describe("detectSandbox", () => {
  it("takes the strongest level on offer when none is required", async () => {
    const sandbox = await detectSandbox({ log: silentLogger, timers: systemTimers, stateDir });
    open.push(sandbox);
    expect(sandbox.level).toBe(levels[0]);
  });

  it("offers at least the plain level", () => {
    expect(levels).toContain("plain");
  });
});

describe.each(levels.map((level) => ({ level })))("level $level", ({ level }) => {
  it.each([
    { name: "success", script: "exit 0", exitCode: 0, reason: "completed" },
    { name: "a code", script: "exit 7", exitCode: 7, reason: "error" },
    { name: "a signal of its own", script: "kill -9 $$", exitCode: 137, reason: "error" },
  ])("reports $name as the exit code a shell would give", async ({ script, exitCode, reason }) => {
    const { report } = await run(await sandboxAt(level), spec(["/bin/sh", "-c", script]));
    expect(report).toEqual({ exitCode, reason });
  });

  it("reports a missing program as a failure", async () => {
    const { report } = await run(await sandboxAt(level), spec(["/no/such/program"]));
    expect(report.reason).toBe("error");
    expect(report.exitCode).not.toBe(0);
  });

  it("hands over everything written before the end", async () => {
    const { out, err } = await run(
      await sandboxAt(level),
      spec(["/bin/sh", "-c", "seq 1 40000; echo last; echo problem >&2"]),
    );
    expect(out.split("\n")).toHaveLength(40_002);
    expect(out.endsWith("\nlast\n")).toBe(true);
    expect(err).toBe("problem\n");
  });

  it("gives the process exactly the environment of the spec, and PATH, HOME, PWD", async () => {
    const { out } = await run(
      await sandboxAt(level),
      spec(["/usr/bin/env"], {
        env: { A: "1", LD_PRELOAD_X: 'it\'s "quoted" $HOME' },
        cwd: "/usr",
      }),
    );
    const lines = out.trim().split("\n").toSorted();
    expect(lines.map((line) => line.slice(0, line.indexOf("=")))).toEqual(
      ["A", "HOME", "LD_PRELOAD_X", "PATH", "PWD"].toSorted(),
    );
    expect(lines).toContain("A=1");
    expect(lines).toContain('LD_PRELOAD_X=it\'s "quoted" $HOME');
    expect(lines).toContain("PWD=/usr");
  });

  it("runs node with a mounted program and a writable mount", async () => {
    const app = mkdtempSync(join(stateDir, "app-"));
    const data = mkdtempSync(join(stateDir, "data-"));
    writeFileSync(
      join(app, "main.js"),
      'require("fs").writeFileSync(process.argv[2], "kept"); console.log(process.cwd() !== "/");',
    );
    const { out, err, report } = await run(
      await sandboxAt(level),
      spec(["node", "/app/main.js", "/data/out.txt"], {
        cwd: "/app",
        mounts: [
          { source: app, target: "/app", writable: false },
          { source: data, target: "/data", writable: true },
        ],
      }),
    );
    expect({ out, err, code: report.exitCode }).toEqual({ out: "true\n", err: "", code: 0 });
    expect(readFileSync(join(data, "out.txt"), "utf8")).toBe("kept");
  });

  it("leaves no process after kill, even of a tree that ignores SIGTERM", async () => {
    const seconds = (sleepLength += 1);
    const running = (await sandboxAt(level)).spawn(spec(stubbornTree(seconds)));
    running.stdout.resume();
    running.stderr.resume();
    await until(() => sleepersOf(seconds) === 2, "both sleepers run");
    running.signal("SIGTERM");
    expect((await running.processIds()).length).toBeGreaterThanOrEqual(3);
    await running.kill();
    expect(sleepersOf(seconds)).toBe(0);
    expect((await running.exited).exitCode).toBe(137);
  });

  it("passes SIGTERM to the command, not to what wraps it", async () => {
    const running = (await sandboxAt(level)).spawn(
      spec([
        "/bin/sh",
        "-c",
        "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done",
      ]),
    );
    running.stderr.resume();
    const out: string[] = [];
    running.stdout.on("data", (chunk: Buffer) => out.push(chunk.toString()));
    await until(() => out.join("").includes("up"), "the command runs");
    running.signal("SIGTERM");
    expect(await running.exited).toEqual({ exitCode: 3, reason: "error" });
    await until(() => out.join("").includes("bye"), "its last words");
  });

  it("leaves no process behind when the main process ends before its children", async () => {
    const seconds = (sleepLength += 1);
    const { report } = await run(
      await sandboxAt(level),
      spec(["/bin/sh", "-c", `sleep ${seconds} >/dev/null 2>&1 & exit 0`]),
    );
    expect(report.exitCode).toBe(0);
    // bubblewrap tells the exit code a moment before the kernel has emptied the namespace.
    await until(() => sleepersOf(seconds) === 0, "nothing is left");
  });

  it("ends with its parent when that is killed with SIGKILL", async () => {
    const seconds = (sleepLength += 1);
    const parent = spawn(process.execPath, [
      "--import",
      "tsx",
      join(import.meta.dirname, "testing", "spawn-and-wait.ts"),
      JSON.stringify({ level, stateDir, argv: stubbornTree(seconds) }),
    ]);
    let noise = "";
    parent.stderr.on("data", (chunk: Buffer) => (noise += chunk.toString()));
    await until(() => sleepersOf(seconds) === 2, `both sleepers run ${noise}`);
    parent.kill("SIGKILL");
    await until(() => sleepersOf(seconds) === 0, "nothing is left");
  });

  it.each([
    {
      name: "node",
      argv: ["node", "-e", "const k=[];setInterval(()=>k.push(Buffer.alloc(8<<20,1)),5)"],
    },
    {
      name: "a child of the command",
      argv: [
        "/bin/sh",
        "-c",
        'node -e "const k=[];setInterval(()=>k.push(Buffer.alloc(8<<20,1)),5)"; sleep 60',
      ],
    },
  ])("ends $name that takes more memory than allowed as oom-killed", async ({ argv }) => {
    const { report } = await run(
      await sandboxAt(level),
      spec(argv, { memoryBytes: 160 * MEGABYTE }),
    );
    expect(report).toEqual({ exitCode: 137, reason: "oom-killed" });
  });

  it("lets a process within its limit alone", async () => {
    const { report } = await run(
      await sandboxAt(level),
      spec(
        [
          "node",
          "-e",
          "const b=Buffer.alloc(40<<20,1);setTimeout(()=>process.exit(b.length>1?5:6),700)",
        ],
        {
          memoryBytes: 256 * MEGABYTE,
        },
      ),
    );
    expect(report).toEqual({ exitCode: 5, reason: "error" });
  });
});

describe.each(levels.filter((level) => level !== "plain").map((level) => ({ level })))(
  "what level $level hides",
  ({ level }) => {
    it("files outside the mounts and the toolchain, the homes first", async () => {
      const secret = join(stateDir, "secret.txt");
      writeFileSync(secret, "secret");
      const { out, report } = await run(
        await sandboxAt(level),
        spec(["/bin/sh", "-c", `cat ${secret}; ls -A ${homedir()} /home; ls /`]),
      );
      expect(out).not.toContain("secret");
      expect(out).not.toContain(".ssh");
      expect(
        out
          .trim()
          .split("\n")
          .filter((name) => ["var", "srv", "work"].includes(name)),
      ).toEqual([]);
      expect(report.exitCode).toBe(0);
    });

    it("processes of the host", async () => {
      const { out } = await run(
        await sandboxAt(level),
        spec(["/bin/sh", "-c", "ls /proc | grep -c '^[0-9]'"]),
      );
      expect(Number(out)).toBeLessThan(10);
    });

    it("the right to write anywhere but mounts and /tmp", async () => {
      const app = mkdtempSync(join(stateDir, "ro-"));
      const { out } = await run(
        await sandboxAt(level),
        spec(
          [
            "/bin/sh",
            "-c",
            "for f in /x /usr/x /app/x /etc/x; do touch $f 2>/dev/null && echo wrote $f; done; touch /tmp/x && echo tmp",
          ],
          { mounts: [{ source: app, target: "/app", writable: false }] },
        ),
      );
      expect(out).toBe("tmp\n");
    });
  },
);
