import { expect, test } from "vitest";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { MachineMeter, type MachineFacts } from "./machine-meter.ts";

const GIB = 1024 ** 3;

/** Two cores that were busy for 700 of 2000 ms, 1.5 of 8 GiB in use. */
function machine(files: () => Readonly<Record<string, string>>) {
  let readings = 0;
  const facts: MachineFacts = {
    read: (file) => files()[file.slice("/sys/fs/cgroup/".length)] ?? null,
    cores: () => 2,
    cpuTimes: () => (readings++ === 0 ? { busy: 100, total: 1000 } : { busy: 800, total: 3000 }),
    memory: () => ({ free: 6.5 * GIB, total: 8 * GIB }),
  };
  const clock = virtualTimers();
  return { clock, meter: new MachineMeter(clock, facts) };
}

test("without a container's bounds it is the machine that is measured", () => {
  const { meter } = machine(() => ({}));
  expect(meter.take()).toEqual({ cpu: 0.35, memoryBytes: 1.5 * GIB, memoryLimitBytes: 8 * GIB });
});

test.each([
  ["a quota of half a core", "50000 100000", 1],
  ["a quota of a core and a half", "150000 100000", 0.4],
  ["no quota", "max 100000", 0.3],
  ["a quota above what there is", "800000 100000", 0.3],
])("in a container with %s its share of that is told", (_what, quota, cpu) => {
  let usedMicroseconds = 5_000_000;
  const { clock, meter } = machine(() => ({
    "cpu.stat": `usage_usec ${usedMicroseconds}\nuser_usec 1\n`,
    "cpu.max": `${quota}\n`,
    "memory.current": String(GIB),
    "memory.max": String(2 * GIB),
  }));
  clock.jump(1000);
  usedMicroseconds += 600_000;
  expect(meter.take()).toEqual({ cpu, memoryBytes: GIB, memoryLimitBytes: 2 * GIB });
});
