import { type NodeHealth, NodeHealthSchema } from "@bifrost/shared/api/cluster";
import { array, assert, constant, double, oneof, property, record, uint8Array } from "fast-check";
import * as v from "valibot";
import { expect, test } from "vitest";
import { decodeHealth, encodeHealth, type HealthRecord } from "./health-record.ts";

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

function encoded(told: HealthRecord, mostBytes = 1300): Uint8Array {
  const body = encodeHealth(told, mostBytes);
  if (body === null) throw new Error("it finds no room");
  return body;
}

/** What a record can hold of it. */
function rounded({ links, ...health }: NodeHealth): Pick<HealthRecord, "load" | "links"> {
  const load = {
    cpu: byte(health.cpu),
    memoryBytes: Math.round(health.memoryBytes / MIB) * MIB,
    memoryLimitBytes: Math.round(health.memoryLimitBytes / MIB) * MIB,
    eventLoopDelayMs: Math.round(health.eventLoopDelayMs),
    requestsPerSecond: Math.round(health.requestsPerSecond * 10) / 10,
    errorRate: byte(health.errorRate),
  };
  return {
    load,
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
      const { links, ...load } = health;
      const head = { epoch: 4_000_000_000, sequence: 7 };
      const whole = encoded({ ...head, load, links });
      expect(decodeHealth(whole, NODES)).toEqual({ ...head, ...rounded(health) });
      const short = encoded({ ...head, load, links: null });
      expect(decodeHealth(short, NODES)).toEqual({
        ...head,
        load: rounded(health).load,
        links: null,
      });
    }),
  );
});

const IDLE = {
  cpu: 0.5,
  memoryBytes: 2048 * MIB,
  memoryLimitBytes: 16_384 * MIB,
  eventLoopDelayMs: 11,
  requestsPerSecond: 0,
  errorRate: 0,
};

test("without links an idle node's takes seventeen bytes", () => {
  const idle = { epoch: 4_000_000_000, sequence: 127, load: IDLE, links: null };
  expect(encoded(idle)).toHaveLength(17);
});

test("it never takes more room than there is, and leaves out links first", () => {
  const links = NODES.map((nodeId) => ({ nodeId, roundTripMs: 1, loss: 0 }));
  const idle = { epoch: 1, sequence: 1, load: IDLE, links };
  const body = encoded(idle, 100);
  expect(body.length).toBeLessThanOrEqual(100);
  expect(decodeHealth(body, NODES)?.links).toHaveLength(12);
  expect(encodeHealth(idle, 10)).toBeNull();
});

test("links to nodes that are not known here are left out", () => {
  const links = [{ nodeId: "stranger", roundTripMs: 1, loss: 0 }];
  const body = encoded({ epoch: 1, sequence: 1, load: IDLE, links });
  expect(decodeHealth(body, NODES)?.links).toEqual([]);
});

test("whatever bytes come, they are a record within bounds or none", () => {
  const anyBytes = oneof(
    uint8Array({ maxLength: 120 }),
    uint8Array({ minLength: 11, maxLength: 40 }).map((rest) => Uint8Array.from([2, ...rest])),
  );
  assert(
    property(anyBytes, (bytes) => {
      const read = decodeHealth(bytes, NODES);
      expect(
        read === null || v.is(NodeHealthSchema, { ...read.load, links: read.links ?? [] }),
      ).toBe(true);
    }),
  );
});
