/** Runs the tasks, `width` of them at a time. */
export async function inParallel(
  tasks: Iterable<() => Promise<void>>,
  width: number,
): Promise<void> {
  const left = tasks[Symbol.iterator]();
  const worker = async () => {
    for (let next = left.next(); next.done !== true; next = left.next()) await next.value();
  };
  await Promise.all(Array.from({ length: width }, worker));
}
