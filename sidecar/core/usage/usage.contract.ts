import { expect, test } from "vitest";
import type { StartCore } from "../../testing/fake-host.ts";
import {
  answeringApp,
  APP_PORT,
  putProcess,
  putProcesses,
  removeProcess,
  scene,
  stat,
} from "../../testing/scene.ts";

const PID_FILE = "/run/app.pid";

const healthy = () => scene(answeringApp(() => 200));

/** An app of its own process tree. */
function tree(pid = 40) {
  const made = scene(
    answeringApp(() => 200),
    { APP_PID_FILE: PID_FILE },
  );
  made.host.files.set(PID_FILE, `${pid}\n`);
  return made;
}

export function usageContract(startCore: StartCore): void {
  test("the app and all its descendants are counted, those of every thread", () => {
    const { host, lines } = tree();
    putProcess(host, { pid: 40, ticks: 100 }, { 40: [41], 44: [45, 46] });
    putProcess(host, { pid: 41, parent: 40, ticks: 10 }, { 41: [], 42: [43] });
    for (const pid of [43, 45, 46]) putProcess(host, { pid, ticks: 1 });
    putProcess(host, { pid: 99, ticks: 1 });
    host.descriptors.delete("/proc/46/fd");
    host.start(startCore);
    host.run(50);
    expect(lines[0]).toMatchObject({
      procs: 5,
      cpuTicks: 0,
      cpuOverMs: 0,
      rssPages: 500,
      threads: 15,
      fds: 20,
      fdsDenied: 1,
    });
    putProcess(host, { pid: 40, ticks: 130, childTicks: 20 }, { 40: [41] });
    host.run(1500);
    expect(lines.at(-1)).toMatchObject({ cpuTicks: 48, cpuOverMs: 1100, procs: 3 });
  });

  test("figures are read again after a second at the earliest", () => {
    const { host, lines } = tree();
    let reads = 0;
    putProcess(host, { pid: 40 });
    host.onRead = (path) => void (path === "/proc/40/stat" && reads++);
    host.servers.set(
      APP_PORT,
      answeringApp(() => 500),
    );
    host.start(startCore);
    host.run(9050);
    expect(lines).toHaveLength(91);
    expect(reads).toBe(10);
  });

  test("a child that ends while its parent was read already is neither lost nor counted twice", () => {
    const { host, lines } = tree();
    putProcess(host, { pid: 40, ticks: 100 }, { 40: [41] });
    putProcess(host, { pid: 41, ticks: 70 });
    host.start(startCore);
    host.run(1000);
    // Its parent is read without its ticks, and then it is gone.
    host.onRead = (path) => void (path === "/proc/41/stat" && removeProcess(host, 41));
    host.run(2000);
    host.onRead = () => undefined;
    putProcess(host, { pid: 40, ticks: 105, childTicks: 75 });
    host.run(2500);
    expect(lines.map(({ cpuTicks, procs }) => [cpuTicks, procs])).toEqual([
      [0, 2],
      [0, 2],
      [0, 1],
      [10, 1],
    ]);
  });

  test("counters that stay below what they were count again from there", () => {
    const { host, lines } = tree();
    putProcess(host, { pid: 40, ticks: 100 }, { 40: [41] });
    putProcess(host, { pid: 41, ticks: 500 });
    host.start(startCore);
    host.run(50);
    putProcess(host, { pid: 40, ticks: 100 });
    removeProcess(host, 41);
    host.run(2500);
    putProcess(host, { pid: 40, ticks: 103 });
    host.run(3500);
    expect(lines.at(-1)).toMatchObject({ cpuTicks: 3, cpuOverMs: 1000 });
  });

  test("a new app process is a restart, also under the same number; the same process is none", () => {
    const { host, lines } = tree();
    putProcess(host, { pid: 40, start: 1, ticks: 900 });
    host.start(startCore);
    host.run(1500);
    removeProcess(host, 40);
    host.run(2500);
    putProcess(host, { pid: 40, start: 250, ticks: 7 });
    host.run(3500);
    host.files.set(PID_FILE, "50");
    putProcess(host, { pid: 50, start: 340, ticks: 1 });
    host.run(4500);
    host.files.delete(PID_FILE);
    host.run(5500);
    host.files.set(PID_FILE, "50");
    host.run(6500);
    expect(lines.map(({ restarts, procs }) => [restarts, procs])).toEqual([
      [0, 1],
      [0, 1],
      [0, 1],
      [0, 0],
      [1, 1],
      [2, 1],
      [2, 0],
      [2, 1],
    ]);
    expect(lines[4]).toMatchObject({ cpuTicks: 7 });
  });

  test.each(["", "x", "0", "-4", "99999999999", "\n"])(
    "a pid file that holds %j means no process",
    (text) => {
      const { host, lines } = tree();
      host.files.set(PID_FILE, text);
      host.start(startCore);
      host.run(50);
      expect(lines[0]).toMatchObject({ procs: 0, restarts: 0 });
    },
  );

  test("of a tree of more than 512 processes the first are counted", () => {
    const { host, lines } = tree();
    const children = Array.from({ length: 1000 }, (_one, index) => 1000 + index);
    putProcess(host, { pid: 40 }, { 40: children });
    for (const pid of children) putProcess(host, { pid });
    host.start(startCore);
    host.run(200);
    expect(lines.at(-1)).toMatchObject({ procs: 512 });
  });

  test("a child listed twice is counted once", () => {
    const { host, lines } = tree();
    putProcess(host, { pid: 40 }, { 40: [41, 42], 43: [41] });
    for (const pid of [41, 42]) putProcess(host, { pid }, { [pid]: [41] });
    host.start(startCore);
    host.run(50);
    expect(lines[0]).toMatchObject({ procs: 3 });
  });

  test("without a file the namespace's processes are the app's, but for the pause process and the own user's", () => {
    const { host, lines } = healthy();
    putProcesses(host, [
      { pid: 1, name: "pause" },
      { pid: 7, pages: 1 },
      { pid: 8, pages: 10 },
      { pid: 9, parent: 8, pages: 100, name: "pause (not)" },
      { pid: 10, parent: 8, pages: 1000 },
    ]);
    host.owners.set("/proc/7", host.uid);
    host.owners.set("/proc/10", host.uid);
    host.start(startCore);
    host.run(50);
    expect(lines[0]).toMatchObject({ procs: 2, rssPages: 110, fds: 10 });
  });

  test("the oldest process without a parent tells a restart", () => {
    const { host, lines } = healthy();
    const others = [
      { pid: 1, name: "pause", start: 1 },
      { pid: 30, name: "sh", start: 700 },
    ];
    putProcesses(host, [...others, { pid: 20, start: 50 }, { pid: 21, parent: 20, start: 10 }]);
    host.start(startCore);
    host.run(50);
    putProcesses(host, [...others, { pid: 20, start: 50 }, { pid: 22, parent: 20, start: 300 }]);
    host.run(1500);
    putProcesses(host, [...others, { pid: 40, start: 310 }]);
    host.run(2500);
    expect(lines.map(({ restarts }) => restarts)).toEqual([0, 0, 0, 1]);
  });

  test("a dead process that nobody waited for counts no more than its CPU", () => {
    const { host, lines } = healthy();
    putProcesses(host, [{ pid: 20 }, { pid: 21, parent: 20, state: "Z", ticks: 50 }]);
    host.descriptors.delete("/proc/21/fd");
    host.start(startCore);
    host.run(50);
    expect(lines[0]).toMatchObject({ procs: 1, threads: 3, fds: 5, fdsDenied: 0 });
  });

  test("what processes share is counted once, as much as the one that shares most", () => {
    const { host, lines } = healthy();
    const sleeps = Array.from({ length: 200 }, (_one, index) => ({
      pid: 100 + index,
      parent: 20,
      pages: 430,
      shared: 410,
    }));
    putProcesses(host, [{ pid: 20, pages: 1000, shared: 600 }, ...sleeps]);
    host.start(startCore);
    host.run(150);
    expect(lines.at(-1)).toMatchObject({ procs: 201, rssPages: 400 + 200 * 20 + 600 });
    // Of the largest reading before nothing stays.
    putProcesses(host, [{ pid: 20, pages: 50, shared: 10 }]);
    host.run(2500);
    expect(lines.at(-1)).toMatchObject({ procs: 1, rssPages: 50 });
  });

  test.each([
    ["cannot be read", null, 1070],
    ["is empty", "", 1070],
    ["ends too early", "1000 70", 1070],
    ["is not of numbers", "1000 70 x 5 0 123 0", 1070],
    ["has three numbers", "1000 70 30", 1040],
    ["shares more than is there", "1000 70 71 5 0 123 0", 1000],
    ["is of a process that is about to end", "0 0 0 0 0 0 0", 1000],
  ])("a statm that %s leaves a figure", (_what, line, rssPages) => {
    const { host, lines } = healthy();
    putProcesses(host, [
      { pid: 20, pages: 1000, shared: 100 },
      { pid: 21, parent: 20, pages: 70 },
    ]);
    if (line === null) host.files.delete("/proc/21/statm");
    else host.files.set("/proc/21/statm", line);
    host.start(startCore);
    host.run(50);
    expect(lines[0]).toMatchObject({ procs: 2, rssPages });
  });

  test("a process that vanishes between its two lines is counted for the last time", () => {
    const { host, lines } = healthy();
    putProcesses(host, [{ pid: 20 }, { pid: 21, parent: 20, pages: 7 }]);
    host.onRead = (path) => void (path === "/proc/21/statm" && removeProcess(host, 21));
    host.start(startCore);
    host.run(1500);
    expect(lines[0]).toMatchObject({ procs: 2, rssPages: 107 });
    expect(lines.at(-1)).toMatchObject({ procs: 1, rssPages: 100 });
  });

  test("processes that vanish while they are read are left out", () => {
    const { host, lines } = healthy();
    putProcesses(host, [{ pid: 20 }, { pid: 21 }, { pid: 22 }]);
    host.onRead = (path) => void (path === "/proc/20/stat" && removeProcess(host, 21));
    host.start(startCore);
    host.run(50);
    expect(lines[0]).toMatchObject({ procs: 2, fds: 10, fdsDenied: 0 });
  });

  test("the whole machine's processes are nobody's app, which is said once", () => {
    const { host, lines } = healthy();
    putProcesses(host, [{ pid: 1, name: "systemd" }, { pid: 2, name: "kthreadd" }, { pid: 900 }]);
    host.start(startCore);
    host.run(5000);
    expect(lines.at(-1)).toMatchObject({ procs: 0, rssPages: 0, restarts: 0 });
    expect(host.logs).toEqual([
      "this is the process namespace of the whole host: no usage is measured",
    ]);
  });

  test("ten thousand processes are read in slices, and probes go on meanwhile", () => {
    const { host, lines } = healthy();
    putProcesses(
      host,
      Array.from({ length: 10_000 }, (_one, index) => ({ pid: 20 + index, parent: index })),
    );
    let reads = 0;
    let most = 0;
    host.onRead = (path) => void (path !== "/proc/2/stat" && reads++);
    const core = host.start(startCore);
    const readsBefore = (): number => {
      const before = reads;
      reads = 0;
      return before;
    };
    // As long as a reading is under way the core asks to be called at once.
    for (let wait = 0; wait === 0; most = Math.max(most, readsBefore())) wait = core.step(host.now);
    // Two files each.
    expect(most).toBeLessThanOrEqual(2 * 52);
    host.run(150);
    expect(lines[0]).toMatchObject({ procs: 0 });
    expect(lines[1]).toMatchObject({ procs: 10_000, rssPages: 1_000_000 });
  });

  test.each([
    ["nothing", ""],
    ["no name", "20 S 1 1"],
    ["too few fields", "20 (x) S 0 1 1 0 -1 0 0 0 0 0 1 1 1 1 20 0 3 0 1 1000"],
  ])("a line with %s is no process", (_what, line) => {
    const { host, lines } = healthy();
    putProcesses(host, [{ pid: 20 }, { pid: 21 }]);
    host.files.set("/proc/20/stat", line);
    host.start(startCore);
    host.run(50);
    expect(lines[0]).toMatchObject({ procs: 1 });
  });

  test("a name may look like the rest of the line", () => {
    const { host, lines } = healthy();
    putProcesses(host, [{ pid: 20 }]);
    host.files.set("/proc/20/stat", stat({ pid: 20, name: ") R 1 (x) Z 0 0", threads: 12 }));
    host.start(startCore);
    host.run(50);
    expect(lines[0]).toMatchObject({ procs: 1, threads: 12 });
  });
}
