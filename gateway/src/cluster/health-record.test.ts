import { type NodeHealth, NodeHealthSchema } from "@bifrost/shared/api/cluster";
import { array, assert, constant, double, oneof, property, record, uint8Array } from "fast-check";
import * as v from "valibot";
import { expect, test } from "vitest";
import { decodeHealth, encodeHealth } from "./health-record.ts";

const NODES = Array.from({ length: 40 }, (_, index) => `gateway-${index}`);
const MIB = 1024 ** 2;

const share = double({ min: 0, max: 1, noNaN: true });
const anyHealth = record({
  cpu: share,
  memoryBytes: double({ min: 0, max: 2 ** 44, noNaN: true }),
  memoryLimitBytes: double({ min: 0, max: 2 ** 44, noNaN: true }),
  eventLoopDelayMs: double({ min: 0, max: 60_000, noNaN: true }),
  requestsPerSecond: double({ min: 0, max: 1e6, noNaN: true }),
  errorRate: share,
  links: array(
    record({
      nodeId: constant(""),
      roundTripMs: oneof(constant(null), double({ min: 0, max: 6000, noNaN: true })),
      loss: share,
    }),
    { maxLength: NODES.length },
  ).map((links) => links.map((link, index) => ({ ...link, nodeId: NODES[index] ?? "" }))),
});

function byte(part: number): number {
  return Math.round(part * 255) / 255;
}

/** What a record can hold of it. */
function rounded({ links, ...health }: NodeHealth): NodeHealth {
  return {
    cpu: byte(health.cpu),
    memoryBytes: Math.round(health.memoryBytes / MIB) * MIB,
    memoryLimitBytes: Math.round(health.memoryLimitBytes / MIB) * MIB,
    eventLoopDelayMs: Math.round(health.eventLoopDelayMs),
    requestsPerSecond: health.requestsPerSecond,
    errorRate: byte(health.errorRate),
    links: links.map(({ nodeId, roundTripMs, loss }) => ({
      nodeId,
      roundTripMs: roundTripMs === null ? null : Math.round(roundTripMs * 10) / 10,
      loss: byte(loss),
    })),
  };
}

test("what is told comes back, as precise as its bytes allow", () => {
  assert(
    property(anyHealth, (health) => {
      const body = encodeHealth({ epoch: 4_000_000_000, sequence: 7, health }, 1300);
      expect(decodeHealth(body, NODES)).toEqual({
        epoch: 4_000_000_000,
        sequence: 7,
        health: rounded(health),
      });
    }),
  );
});

test("it never takes more room than there is, and leaves out links first", () => {
  const links = NODES.map((nodeId) => ({ nodeId, roundTripMs: 1, loss: 0 }));
  const health = {
    cpu: 0.5,
    memoryBytes: 0,
    memoryLimitBytes: 0,
    eventLoopDelayMs: 0,
    requestsPerSecond: 1,
    errorRate: 0,
    links,
  };
  const body = encodeHealth({ epoch: 1, sequence: 1, health }, 100);
  expect(body.length).toBeLessThanOrEqual(100);
  expect(decodeHealth(body, NODES)?.health.links).toHaveLength(10);
});

test("links to nodes that are not known here are left out", () => {
  const links = [{ nodeId: "stranger", roundTripMs: 1, loss: 0 }];
  const health = {
    cpu: 0,
    memoryBytes: 0,
    memoryLimitBytes: 0,
    eventLoopDelayMs: 0,
    requestsPerSecond: 0,
    errorRate: 0,
    links,
  };
  const body = encodeHealth({ epoch: 1, sequence: 1, health }, 1000);
  expect(decodeHealth(body, NODES)?.health.links).toEqual([]);
});

test("whatever bytes come, they are a record within bounds or none", () => {
  const anyBytes = oneof(
    uint8Array({ maxLength: 120 }),
    uint8Array({ minLength: 29, maxLength: 29 }).map((rest) => Uint8Array.from([1, ...rest])),
  );
  assert(
    property(anyBytes, (bytes) => {
      const read = decodeHealth(bytes, NODES);
      expect(read === null || v.is(NodeHealthSchema, read.health)).toBe(true);
    }),
  );
});
