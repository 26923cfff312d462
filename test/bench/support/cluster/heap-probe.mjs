// Preloaded into a process under measurement, or run alone as the idle one: answers what its heap holds after a collection.
process.on("message", (message) => {
  if (message?.kind !== "weigh") return;
  globalThis.gc();
  process.send({ kind: "weighed", heapBytes: process.memoryUsage().heapUsed });
});
