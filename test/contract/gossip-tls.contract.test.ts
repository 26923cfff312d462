/** Streams of the mesh over TLS, where both ends show a certificate of the cluster's authority. */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterEach, expect, test, type TestContext } from "vitest";
import { Keyring } from "@bifrost/gateway/gossip/keyring";
import { udpTransport, type UdpParts } from "@bifrost/gateway/gossip/testing/udp-world";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { createAuthority, createServerCertificate } from "../../sidecar/testing/certificates.ts";
import { temporaryFolder } from "../support/folders.ts";
import { lacks } from "../support/processes.ts";

const KEY = { id: 1, key: randomBytes(32) };
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function certificates(context: TestContext) {
  const missing = lacks("openssl");
  if (missing !== null) context.skip(missing);
  const folder = temporaryFolder();
  mkdirSync(path.join(folder, "other"));
  const authority = createAuthority(folder, "authority");
  const other = createAuthority(path.join(folder, "other"), "other");
  const ca = readFileSync(authority.file, "utf8");
  return {
    first: { ...createServerCertificate(folder, authority, "gateway-1"), ca },
    second: { ...createServerCertificate(folder, authority, "gateway-2"), ca },
    expired: { ...createServerCertificate(folder, authority, "old", { days: -1 }), ca },
    foreign: { ...createServerCertificate(path.join(folder, "other"), other, "gateway-3"), ca },
  };
}

async function node(parts: UdpParts) {
  const causes: unknown[] = [];
  const refused: string[] = [];
  const logger = {
    ...silentLogger,
    warn: (_: string, fields?: object) => void causes.push(fields),
  };
  const transport = udpTransport({ keyring: new Keyring([KEY]), logger, ...parts });
  await transport.start({
    onPacket() {},
    onRequest: async (_, body) => body,
    onRefused: (address) => void refused.push(address),
    onDoubt() {},
  });
  ends.push(() => transport.stop());
  return { transport, causes, refused };
}

test("nodes with certificates of one authority ask, check and link each other", async (context) => {
  const { first, second } = certificates(context);
  const [a, b] = [await node({ tls: first }), await node({ tls: second })];
  const to = b.transport.localAddress;
  a.transport.link([to]);
  const body = randomBytes(100_000);
  const answer = await a.transport.request(to, body, 10_000);
  expect(Buffer.from(answer).equals(body)).toBe(true);
  expect(await a.transport.check(to, 10_000)).toBe("answered");
  await b.transport.stop();
  await expect.poll(() => a.refused, { timeout: 10_000, interval: 5 }).toEqual([to]);
});

test.for(["foreign", "expired"] as const)(
  "a node with the gossip keys and a certificate that is %s gets nothing through",
  async (kind, context) => {
    const made = certificates(context);
    const [a, b] = [await node({ tls: made.first }), await node({ tls: made[kind] })];
    // It is refused where it calls, and not believed where it is called.
    for (const [caller, called] of [
      [a, b],
      [b, a],
    ] as const) {
      const to = called.transport.localAddress;
      const asking = caller.transport.request(to, Buffer.from("x"), 5_000);
      await expect(asking).rejects.toThrow(/certificate/);
      expect(await caller.transport.check(to, 5_000)).toBe("stalled");
    }
    const cause = expect.stringContaining("tls.ca");
    expect(a.causes).toMatchObject([{ address: b.transport.localAddress, cause }]);
  },
);

test("a node without a certificate gets nothing through", async (context) => {
  const { first } = certificates(context);
  const [a, b] = [await node({ tls: first }), await node({ tls: null })];
  const asking = b.transport.request(a.transport.localAddress, Buffer.from("x"), 5_000);
  await expect(asking).rejects.toThrow(/gave no answer/);
  expect(a.transport.counters().refused["unauthenticated"]).toBeGreaterThan(0);
});
