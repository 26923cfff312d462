import { expect, test } from "vitest";
import { WriteQueue, type QueuedWrite } from "./write-queue.ts";

test("those that flap without end do not keep the others from being written", async () => {
  const queue = new WriteQueue(2);
  let written = 0;
  let left = 100;
  const flapping = Array.from({ length: 10 }, (): QueuedWrite => {
    const write: QueuedWrite = {
      async write() {
        await Promise.resolve();
        if (left-- > 0) queueMicrotask(() => queue.add(write, true));
      },
    };
    return write;
  });
  for (const write of flapping) queue.add(write, true);
  const steady: QueuedWrite = {
    async write() {
      written = 100 - left;
    },
  };
  queue.add(steady, false);
  await expect.poll(() => queue.waiting + queue.running).toBe(0);
  expect(written).toBeLessThan(20);
});

test("what is urgent comes before the rest, each in the order it came", async () => {
  const queue = new WriteQueue(1);
  const order: string[] = [];
  const write = (name: string): QueuedWrite => ({
    async write() {
      await Promise.resolve();
      order.push(name);
    },
  });
  queue.add(write("running"), false);
  const late = write("late");
  for (const name of ["a", "b"]) queue.add(write(name), false);
  queue.add(late, false);
  queue.add(write("urgent"), true);
  queue.add(late, true);
  await expect.poll(() => queue.waiting + queue.running).toBe(0);
  expect(order).toEqual(["running", "urgent", "late", "a", "b"]);
});
