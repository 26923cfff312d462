/** Gossip between services: real TLS, tokens of the metadata server, checked against the issuer's published keys. */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { HttpsTransport } from "@bifrost/gateway/gossip/https-transport";
import { httpsTransport, httpsWorld } from "@bifrost/gateway/gossip/testing/https-world";
import { transportSuite } from "@bifrost/gateway/gossip/transport.contract";
import { startIam, type RunningIam } from "@bifrost/local/iam/index";
import { GoogleCallerVerifier } from "@bifrost/shared/cloud/google-caller-verifier";
import { MetadataIdentity } from "@bifrost/shared/cloud/metadata-identity";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { createAuthority, createServerCertificate } from "../../sidecar/testing/certificates.ts";
import { temporaryFolder } from "../support/folders.ts";
import { lacks } from "../support/processes.ts";

const WAIT = { timeout: 10_000, interval: 5 };
const ends: (() => Promise<unknown>)[] = [];
let iam: RunningIam;

beforeAll(async () => {
  iam = await startIam({
    projectId: "bifrost-local",
    timers: systemTimers,
    log: silentLogger,
    dataDir: temporaryFolder(),
    extraAccounts: ["gateway-1", "gateway-2", "stranger"],
  });
});
afterAll(() => iam.stop());
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

function authOf(service: string) {
  return {
    identity: new MetadataIdentity({ baseUrl: iam.metadataUrl(service), clock: Date }),
    verifier: new GoogleCallerVerifier({
      projectId: "bifrost-local",
      issuer: iam.issuer,
      certificatesUrl: `${iam.issuer}/oauth2/v1/certs`,
      clock: Date,
    }),
    services: ["gateway-1", "gateway-2"],
  };
}

interface Node {
  readonly transport: HttpsTransport;
  readonly packets: string[];
  readonly causes: unknown[];
  readonly refused: string[];
}

async function node(
  service: string,
  parts: Parameters<typeof httpsTransport>[0] = {},
): Promise<Node> {
  const packets: string[] = [];
  const causes: unknown[] = [];
  const refused: string[] = [];
  const logger = {
    ...silentLogger,
    warn: (_: string, fields?: object) => void causes.push(fields),
  };
  const transport = httpsTransport({ auth: authOf(service), logger, ...parts });
  await transport.start({
    onPacket: (_, packet) => void packets.push(Buffer.from(packet).toString()),
    onRequest: async (_, body) => body,
    onRefused: (address) => void refused.push(address),
    onDoubt() {},
  });
  ends.push(() => transport.stop());
  return { transport, packets, causes, refused };
}

transportSuite("HTTP with tokens", () => httpsWorld(() => ({ auth: authOf("gateway-1") })));

test("over TLS a node takes packets from those who trust its authority, and from no others", async (context) => {
  const missing = lacks("openssl");
  if (missing !== null) context.skip(missing);
  const folder = temporaryFolder();
  const authority = createAuthority(folder, "authority");
  const tls = createServerCertificate(folder, authority, "localhost");
  const ca = readFileSync(authority.file, "utf8");
  const port = await freePort();
  const b = await node("gateway-2", { tls, ca, port, advertise: `https://localhost:${port}` });
  const to = b.transport.localAddress;
  const a = await node("gateway-1", { ca });
  const distrusting = await node("gateway-1");
  for (const { transport } of [a, distrusting]) transport.send(to, Buffer.from("ping"));
  await vi.waitFor(() => {
    expect(distrusting.transport.counters().refused).toEqual({ "no-path": 1 });
  }, WAIT);
  await vi.waitFor(() => expect(b.packets).toEqual(["ping"]), WAIT);
  expect(await a.transport.check(to, 3_000)).toBe("answered");
  expect(await distrusting.transport.check(to, 3_000)).toBe("stalled");
});

describe("a caller gets nothing through", () => {
  test.each<[string, () => ReturnType<typeof node>, RegExp, string]>([
    [
      "whose service is no node",
      () => node("stranger"),
      /does not accept this node's token/,
      "unauthenticated",
    ],
    [
      "without a token",
      () => node("stranger", { auth: null }),
      /does not accept this node's token/,
      "unauthenticated",
    ],
    [
      "of another cluster",
      () => node("gateway-2", { label: "other" }),
      /another cluster/,
      "other-cluster",
    ],
  ])("%s", async (_, makeCaller, cause, counted) => {
    const [a, caller] = [await node("gateway-1"), await makeCaller()];
    const to = a.transport.localAddress;
    await expect(caller.transport.request(to, Buffer.from("x"), 5_000)).rejects.toThrow(cause);
    caller.transport.send(to, Buffer.from("ping"));
    await vi.waitFor(
      () => expect(caller.transport.counters().refused).toEqual({ "no-path": 1 }),
      WAIT,
    );
    expect(a.packets).toEqual([]);
    expect(a.transport.counters().refused).toEqual({ [counted]: 2 });
    expect(caller.causes).toEqual([{ address: to, cause: expect.stringMatching(cause) }]);
  });

  test("with a token that was made for another node", async () => {
    const [a, b] = [await node("gateway-1"), await node("gateway-2")];
    const token = await iam.idToken("gateway-2", b.transport.localAddress);
    const auth = { ...authOf("gateway-2"), identity: { idToken: async () => token } };
    const caller = await node("gateway-2", { auth });
    expect(await caller.transport.check(b.transport.localAddress, 5_000)).toBe("answered");
    expect(await caller.transport.check(a.transport.localAddress, 5_000)).toBe("stalled");
  });
});

test("a stranger keeps no connection", async () => {
  const a = await node("gateway-1");
  const response = await fetch(`${a.transport.localAddress}/_bifrost/gossip/packets`, {
    method: "POST",
  });
  expect([response.status, response.headers.get("connection")]).toEqual([409, "close"]);
});

test("what stands before a node and answers in its place is no answer of the node", async () => {
  const front = createServer((_, response) => response.writeHead(503).end("no instance"));
  const a = await node("gateway-1");
  const address = `http://127.0.0.1:${await listen(front)}`;
  expect(await a.transport.check(address, 5_000)).toBe("stalled");
  await expect(a.transport.request(address, Buffer.from("x"), 5_000)).rejects.toThrow(
    /something before it \(status 503\)/,
  );
});

test("nodes of version 6 reach and link each other", async () => {
  const [a, b] = [
    await node("gateway-1", { bindAddress: "::1" }),
    await node("gateway-2", { bindAddress: "::1" }),
  ];
  const to = b.transport.localAddress;
  expect(to).toMatch(/^http:\/\/\[::1\]:\d+$/);
  a.transport.link([to]);
  a.transport.send(to, Buffer.from("ping"));
  await vi.waitFor(() => expect(b.packets).toEqual(["ping"]), WAIT);
  await b.transport.stop();
  await vi.waitFor(() => expect(a.refused).toEqual([to]), WAIT);
});

test("packets that are sent together go together", async () => {
  const [a, b] = [await node("gateway-1"), await node("gateway-2")];
  const asked = vi.fn(authOf("gateway-1").identity.idToken.bind(authOf("gateway-1").identity));
  const c = await node("gateway-1", {
    auth: { ...authOf("gateway-1"), identity: { idToken: asked } },
  });
  for (let at = 0; at < 40; at++)
    c.transport.send(b.transport.localAddress, Buffer.from(`packet ${at}`));
  await vi.waitFor(() => expect(b.packets).toHaveLength(40), WAIT);
  expect(asked).toHaveBeenCalledTimes(1);
  expect(a.packets).toEqual([]);
});

test("a node that cannot get a token says nothing against the others", async () => {
  const broken = { idToken: () => Promise.reject(new Error("metadata server is down")) };
  const b = await node("gateway-2");
  const a = await node("gateway-1", { auth: { ...authOf("gateway-1"), identity: broken } });
  expect(await a.transport.check(b.transport.localAddress, 5_000)).toBe("stalled");
  await expect(
    a.transport.request(b.transport.localAddress, Buffer.from("x"), 5_000),
  ).rejects.toThrow(/no token for it \(metadata server is down\)/);
});

describe("a node refuses to start", () => {
  test.each<[string, Parameters<typeof httpsTransport>[0], RegExp]>([
    [
      "without tokens beyond loopback",
      { bindAddress: "0.0.0.0", auth: null },
      /loopback only.*bind_address/,
    ],
    [
      "without its own URL",
      { bindAddress: "0.0.0.0" },
      /needs its own URL.*cluster_config.advertise/,
    ],
    [
      "with a URL that anybody on the way can read",
      { advertise: "http://gateway.example" },
      /found http:\/\/gateway.example/,
    ],
    ["with a path in its URL", { advertise: "https://gateway.example/a" }, /without a path/],
  ])("%s", async (_, parts, message) => {
    await expect(node("gateway-1", parts)).rejects.toThrow(message);
  });
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  ends.push(() => new Promise((resolve) => void server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await ends.pop()?.();
  return port;
}
