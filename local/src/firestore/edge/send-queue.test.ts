import { expect, test } from "vitest";
import { SendBudget, SendQueue } from "./send-queue.ts";

interface Client {
  readonly queue: SendQueue;
  readonly received: Buffer[];
  /** Takes what was handed over, and what follows. */
  read(): void;
  overflow: string | undefined;
}

function client(budget: SendBudget, maxUnsentBytes: number): Client {
  const pending: (() => void)[] = [];
  const received: Buffer[] = [];
  const one: Client = {
    received,
    overflow: undefined,
    read() {
      for (let done = pending.shift(); done !== undefined; done = pending.shift()) done();
    },
    queue: new SendQueue({
      budget,
      maxUnsentBytes,
      write: (message, done) => {
        received.push(message);
        pending.push(done);
      },
      overflow: (error) => (one.overflow = error.status),
    }),
  };
  return one;
}

const message = (bytes: number, mark = 0): Buffer => Buffer.alloc(bytes, mark);

test("messages arrive whole and in order, however many, and the end comes after the last", () => {
  const one = client(new SendBudget(1e9), 1e9);
  const marks = Array.from({ length: 5_000 }, (_, index) => index % 256);
  for (const mark of marks) one.queue.push(message(1_000, mark));
  expect(one.received.length).toBeLessThan(300); // no more than keeps a socket busy
  let hasEnded = false;
  one.queue.end(() => (hasEnded = true));
  expect(hasEnded).toBe(false);
  one.read();
  expect(one.received.map((bytes) => bytes[0])).toEqual(marks);
  expect(hasEnded).toBe(true);
  expect(one.queue.waitingBytes).toBe(0);
});

test("a client that leaves too much is ended once, its messages are dropped, and later ones too", () => {
  const one = client(new SendBudget(1e9), 1_000_000);
  for (let n = 0; n < 30; n += 1) one.queue.push(message(100_000));
  expect(one.overflow).toBe("RESOURCE_EXHAUSTED");
  expect(one.queue.waitingBytes).toBe(0);
  const handedOver = one.received.length;
  one.queue.push(message(1));
  one.read();
  expect(one.received).toHaveLength(handedOver);
});

test("when all together leave too much, the one that leaves most has to go", () => {
  const budget = new SendBudget(3_000_000);
  const [hog, modest] = [client(budget, 1e9), client(budget, 1e9)];
  for (let n = 0; n < 28; n += 1) hog.queue.push(message(100_000));
  for (let n = 0; n < 10; n += 1) modest.queue.push(message(100_000));
  expect([hog.overflow, modest.overflow]).toEqual(["RESOURCE_EXHAUSTED", undefined]);
  modest.read();
  expect(modest.received).toHaveLength(10);
});
