import { NodeHealthSchema } from "@bifrost/shared/api/cluster";
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

test("what is told comes back, as precise as its bytes allow", () => {
  assert(
    property(anyHealth, (health) => {
      const body = encodeHealth({ epoch: 4_000_000_000, sequence: 7, health }, 1300);
      const read = decodeHealth(body, NODES);
      expect(read).toMatchObject({ epoch: 4_000_000_000, sequence: 7 });
      const told = read?.health;
      expect(told?.cpu).toBeCloseTo(health.cpu, 2);
      expect(told?.errorRate).toBeCloseTo(health.errorRate, 2);
      expect(Math.abs((told?.memoryBytes ?? 0) - health.memoryBytes)).toBeLessThanOrEqual(MIB);
      expect(told?.requestsPerSecond).toBe(health.requestsPerSecond);
      expect(told?.links.map(({ nodeId }) => nodeId)).toEqual(
        health.links.map(({ nodeId }) => nodeId),
      );
      for (const [index, { roundTripMs }] of health.links.entries()) {
        const read = told?.links[index]?.roundTripMs;
        expect(read === null).toBe(roundTripMs === null);
        expect(Math.abs((read ?? 0) - (roundTripMs ?? 0))).toBeLessThanOrEqual(0.0501);
      }
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
