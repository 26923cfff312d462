import { expect, test } from "vitest";
import { LockOwner, LockTable } from "./locks.ts";

test("a lock is handed on in the order of asking", async () => {
  const table = new LockTable();
  const [a, b, c] = [new LockOwner(), new LockOwner(), new LockOwner()];
  const order: string[] = [];
  await table.acquire(a, "x");
  const waiting = [
    table.acquire(b, "x").then(() => (order.push("b"), table.release(b))),
    table.acquire(c, "x").then(() => (order.push("c"), table.release(c))),
  ];
  table.release(a);
  await Promise.all(waiting);
  expect(order).toEqual(["b", "c"]);
  expect(table.isHeldByOther("x", null)).toBe(false);
});

test("two owners that wait for each other: the second is refused, the first goes on", async () => {
  const table = new LockTable();
  const [a, b] = [new LockOwner(), new LockOwner()];
  await table.acquire(a, "x");
  await table.acquire(b, "y");
  const first = table.acquire(a, "y");
  await expect(table.acquire(b, "x")).rejects.toMatchObject({ status: "ABORTED" });
  table.release(b);
  await first;
  expect([...a.held]).toEqual(["x", "y"]);
});

test("a circle of three is found", async () => {
  const table = new LockTable();
  const [a, b, c] = [new LockOwner(), new LockOwner(), new LockOwner()];
  await table.acquire(a, "x");
  await table.acquire(b, "y");
  await table.acquire(c, "z");
  const waiting = [table.acquire(a, "y"), table.acquire(b, "z")];
  await expect(table.acquire(c, "x")).rejects.toMatchObject({ status: "ABORTED" });
  table.release(c);
  await waiting[1];
  table.release(b);
  await waiting[0];
});

test("an owner may ask twice for the same name, also while it waits", async () => {
  const table = new LockTable();
  const [a, b] = [new LockOwner(), new LockOwner()];
  await table.acquire(a, "x");
  await table.acquire(a, "x");
  const twice = [table.acquire(b, "x"), table.acquire(b, "x")];
  table.release(a);
  await Promise.all(twice);
  expect(b.held.has("x")).toBe(true);
});

test("an owner that ends while it waits is refused and blocks nobody", async () => {
  const table = new LockTable();
  const [a, b, c] = [new LockOwner(), new LockOwner(), new LockOwner()];
  await table.acquire(a, "x");
  const waiting = table.acquire(b, "x");
  const next = table.acquire(c, "x");
  table.release(b);
  await expect(waiting).rejects.toMatchObject({ status: "ABORTED" });
  table.release(a);
  await next;
  expect(c.held.has("x")).toBe(true);
});
