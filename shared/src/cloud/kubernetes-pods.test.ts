import type { V1Pod } from "@kubernetes/client-node";
import { expect, test } from "vitest";
import { podsIn } from "./kubernetes-pods.ts";

const running = (name: string, ip: string, more: Partial<V1Pod> = {}): V1Pod => ({
  metadata: { name },
  status: { phase: "Running", podIP: ip },
  ...more,
});

test("pods that run count, those without address, not yet or no longer running, or about to end do not", () => {
  const pods = [
    running("web-0", "10.0.0.1"),
    running("no-address", ""),
    { metadata: { name: "no-status" } },
    { metadata: { name: "pending" }, status: { phase: "Pending", podIP: "10.0.0.2" } },
    { metadata: { name: "done" }, status: { phase: "Succeeded", podIP: "10.0.0.3" } },
    { metadata: { name: "evicted" }, status: { phase: "Failed", podIP: "10.0.0.4" } },
    running("leaving", "10.0.0.5", {
      metadata: { name: "leaving", deletionTimestamp: new Date(0) },
    }),
    running("web-1", "fd00::1"),
  ];
  expect(podsIn(pods)).toEqual([
    { name: "web-0", ip: "10.0.0.1" },
    { name: "web-1", ip: "fd00::1" },
  ]);
});
