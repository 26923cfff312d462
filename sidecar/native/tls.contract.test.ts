/** TLS of the larger build against Node's own server, with authorities made for the test. */
import { copyFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { TlsOptions } from "node:tls";
import { beforeEach, describe, expect, it, vi } from "vitest";
import {
  createAuthority,
  createServerCertificate,
  type KeyKind,
  type ServerCertificateOptions,
} from "../testing/certificates.ts";
import { lacksNative, nativeBinary } from "../testing/native-binary.ts";
import { sidecarEnvironment } from "../testing/probed-and-collector.ts";
import { startSidecar } from "../testing/running-sidecar.ts";
import { lacksProgram } from "../testing/vitest-tools.ts";
import { startWorld, temporaryFolder } from "../testing/world.ts";

const WAIT = { timeout: 20_000, interval: 20 };
const SOME = 5;
const NAME = "collector.test";

const lacking = lacksNative() ?? lacksProgram("openssl");
beforeEach(({ skip }) => {
  if (lacking !== null) skip(lacking);
});

interface Case {
  /** Of the authority and of the server. */
  readonly kinds?: readonly [KeyKind, KeyKind];
  readonly certificate?: ServerCertificateOptions & { readonly name?: string };
  readonly server?: TlsOptions;
  /** The sidecar trusts another authority than the one that signed. */
  readonly isStranger?: boolean;
}

async function startReporting({ kinds, certificate, server, isStranger = false }: Case) {
  const folder = temporaryFolder();
  const [ofAuthority, kind] = kinds ?? ["ec:P-256", "ec:P-256"];
  const authority = createAuthority(folder, "authority", ofAuthority);
  const trusted = isStranger ? createAuthority(folder, "stranger", ofAuthority) : authority;
  const name = certificate?.name ?? NAME;
  const tls = createServerCertificate(folder, authority, name, { kind, ...certificate });
  const world = await startWorld({ tls: { ...tls, ...server } });
  const env = sidecarEnvironment(world.ports, {
    COLLECTOR_CA_FILE: trusted.file,
    COLLECTOR_SERVER_NAME: NAME,
  });
  return { ...world, trusted, run: startSidecar([await nativeBinary("sidecar-tls")], env) };
}

describe("reports arrive", () => {
  it.each<[string, Case]>([
    ["with P-256 keys", {}],
    ["with P-384 keys", { kinds: ["ec:P-384", "ec:P-384"] }],
    ["with RSA keys", { kinds: ["rsa:2048", "rsa:2048"] }],
    ["with RSA above P-256", { kinds: ["rsa:2048", "ec:P-256"] }],
    ["by AES-GCM", { server: { ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" } }],
    ["by ChaCha20", { server: { ciphers: "ECDHE-ECDSA-CHACHA20-POLY1305" } }],
  ])("%s, all over one connection", async (_, tested) => {
    const { collector, run } = await startReporting(tested);
    await vi.waitUntil(() => collector.samples.length >= SOME, WAIT);
    expect(collector.samples.at(-1)).toMatchObject({ result: 1, status: 200 });
    expect([...collector.tokens]).toEqual(["Bearer token"]);
    expect(collector.connections()).toBe(1);
    expect(await run.terminate()).toEqual({ code: 0, signal: null });
    expect(run.said()).not.toContain("TLS");
  });
});

describe("nothing is told to a server", () => {
  it.each<[string, Case, string]>([
    [
      "whose certificate is for another name",
      { certificate: { name: "other.test" } },
      "its certificate is for another name: see COLLECTOR_SERVER_NAME",
    ],
    [
      "whose certificate another authority signed",
      { isStranger: true },
      "its certificate is not signed by an authority in COLLECTOR_CA_FILE",
    ],
    [
      "whose certificate is expired",
      { certificate: { days: -1 } },
      "its certificate is expired or not valid yet, by this machine's clock",
    ],
    [
      "that speaks TLS 1.3 only",
      { server: { minVersion: "TLSv1.3" } },
      "it does not speak TLS 1.2",
    ],
    [
      "without a cipher suite in common",
      { server: { ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384", maxVersion: "TLSv1.2" } },
      "it has no cipher suite in common with ECDHE and AES-128-GCM or ChaCha20-Poly1305",
    ],
  ])("%s, and why is said once", async (_, tested, reason) => {
    const { probed, collector, run } = await startReporting(tested);
    await vi.waitUntil(() => run.said().includes("TLS"), WAIT);
    // Probes go on, and the connection is tried again.
    const before = probed.probes();
    await vi.waitUntil(() => probed.probes() >= before + 2 * SOME, WAIT);
    expect(collector.samples).toEqual([]);
    const lines = run
      .said()
      .split("\n")
      .filter((line) => line.includes("TLS"));
    expect(lines).toEqual([`bifrost-sidecar: TLS to the collector failed: ${reason}`]);
    expect(await run.terminate()).toEqual({ code: 0, signal: null });
  });
});

describe("COLLECTOR_CA_FILE is refused at the start with one line", () => {
  it.each([
    ["when it is missing", null, "COLLECTOR_CA_FILE cannot be read"],
    ["when it is empty", "", "COLLECTOR_CA_FILE holds no certificate"],
    ["when it is something else", "hello\n".repeat(100), "COLLECTOR_CA_FILE holds no certificate"],
    [
      "when it is cut short",
      "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
      "COLLECTOR_CA_FILE is no PEM file of certificates",
    ],
  ])("%s", async (_, text, line) => {
    const file = path.join(temporaryFolder(), "ca.pem");
    if (text !== null) writeFileSync(file, text);
    const env = sidecarEnvironment({ probed: 1, collector: 1 }, { COLLECTOR_CA_FILE: file });
    const run = startSidecar([await nativeBinary("sidecar-tls")], env);
    expect(await run.ended).toEqual({ code: 64, signal: null });
    expect(run.said().startsWith(`bifrost-sidecar: ${line}`)).toBe(true);
    expect(run.said().trimEnd()).not.toContain("\n");
  });

  it("by the small build, which has no TLS", async () => {
    const env = sidecarEnvironment({ probed: 1, collector: 1 }, { COLLECTOR_CA_FILE: "/ca.pem" });
    const run = startSidecar([await nativeBinary("sidecar")], env);
    expect(await run.ended).toEqual({ code: 64, signal: null });
    expect(run.said()).toMatch(/^bifrost-sidecar: COLLECTOR_CA_FILE.*\n$/);
  });
});

it("an authority that is replaced while the sidecar runs is used from the next connection on", async () => {
  const folder = temporaryFolder();
  const authority = createAuthority(folder, "new");
  const world = await startWorld({ tls: createServerCertificate(folder, authority, NAME) });
  const file = path.join(folder, "ca.pem");
  const former = createAuthority(folder, "former");
  copyFileSync(former.file, file);
  const env = sidecarEnvironment(world.ports, {
    COLLECTOR_CA_FILE: file,
    COLLECTOR_SERVER_NAME: NAME,
  });
  const run = startSidecar([await nativeBinary("sidecar-tls")], env);
  await vi.waitUntil(() => run.said().includes("not signed"), WAIT);
  copyFileSync(authority.file, file);
  await vi.waitUntil(() => world.collector.samples.length >= SOME, WAIT);
});
