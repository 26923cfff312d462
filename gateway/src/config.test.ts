import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { clusterSecrets, GATEWAY_VARIABLES, readGatewayConfig } from "./config.ts";

const REQUIRED = {
  BIFROST_DOMAIN: "Localhost:8080",
  GOOGLE_CLOUD_PROJECT: "p",
  BIFROST_FIREBASE_API_KEY: "k",
  BIFROST_FUNCTIONS_URL: "http://127.0.0.1:8081",
  BIFROST_TELEMETRY_SECRET: "s3cret",
  BIFROST_SITE_BUCKET: "sites",
};

test("what is required is enough, and the domain loses its port", () => {
  expect(readGatewayConfig(REQUIRED)).toMatchObject({
    domain: "localhost",
    port: 8080,
    controlPort: 9090,
    scheme: "https",
    kubeconfig: null,
    exitWithStdin: false,
  });
});

test.each([
  ["BIFROST_GATEWAY_PORT", "70000"],
  ["BIFROST_DOMAIN", "a b"],
  ["BIFROST_SCHEME", "ftp"],
  ["BIFROST_EXIT_WITH_STDIN", "yes"],
  ["FIRESTORE_EMULATOR_HOST", "nowhere"],
  ["BIFROST_TRUSTED_PROXIES", "10.0.0.0/8, 10.0.0.0/33"],
])("%s=%s is refused by name", (name, value) => {
  expect(() => readGatewayConfig({ ...REQUIRED, [name]: value })).toThrow(name);
});

test("on Cloud Run the emulator variable is refused", () => {
  const environment = { ...REQUIRED, K_SERVICE: "gateway", FIRESTORE_EMULATOR_HOST: "a:1" };
  expect(() => readGatewayConfig(environment)).toThrow("must not be set on Cloud Run");
});

test("every variable has a meaning", () => {
  const bare = Object.values(GATEWAY_VARIABLES).filter((one) => one.meaning.length < 20);
  expect(bare).toEqual([]);
});

const KEY = Buffer.alloc(32, 7).toString("base64");

test("gossip keys are read with their ids, the sealing one first", () => {
  const { gossipKeys } = readGatewayConfig({
    ...REQUIRED,
    BIFROST_GOSSIP_KEYS: `7:${KEY}, 1:${KEY}`,
  });
  expect(gossipKeys).toEqual([
    { id: 7, key: Buffer.alloc(32, 7) },
    { id: 1, key: Buffer.alloc(32, 7) },
  ]);
});

test("a key pair is read, with \\n in place of line breaks", () => {
  const pair = generateKeyPairSync("ed25519");
  const privatePem = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const publicPem = pair.publicKey.export({ type: "spki", format: "pem" }).toString();
  const config = readGatewayConfig({
    ...REQUIRED,
    BIFROST_CONFIG_SIGNING_KEY: privatePem.trim().replaceAll("\n", String.raw`\n`),
    BIFROST_CONFIG_PUBLIC_KEY: publicPem,
  });
  expect(clusterSecrets(config)).toMatchObject({
    configSigningKey: privatePem.trim(),
    configPublicKey: publicPem,
  });
});

test("without a public key, that of the signing key is trusted; one that does not belong to it is refused", () => {
  const [own, other] = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
  const signing = own.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const pem = ({ publicKey }: typeof own) =>
    publicKey.export({ type: "spki", format: "pem" }).toString();
  const read = (named: Readonly<Record<string, string>>) =>
    readGatewayConfig({ ...REQUIRED, BIFROST_CONFIG_SIGNING_KEY: signing, ...named });
  expect(read({}).configPublicKey).toBe(pem(own));
  expect(() => read({ BIFROST_CONFIG_PUBLIC_KEY: pem(other) })).toThrow(
    "is not the public key of BIFROST_CONFIG_SIGNING_KEY",
  );
});

const RSA = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;

test.each([
  ["BIFROST_GOSSIP_KEYS", `256:${KEY}`],
  ["BIFROST_GOSSIP_KEYS", `1:${KEY},1:${KEY}`],
  ["BIFROST_GOSSIP_KEYS", `1:${KEY.slice(4)}`],
  ["BIFROST_GOSSIP_KEYS", KEY],
  ["BIFROST_CONFIG_SIGNING_KEY", RSA.export({ type: "pkcs8", format: "pem" }).toString()],
  ["BIFROST_CONFIG_PUBLIC_KEY", "-----BEGIN PRIVATE KEY-----"],
])("a wrong %s is refused by name, and never shown", (name, value) => {
  const read = () => readGatewayConfig({ ...REQUIRED, [name]: value });
  expect(read).toThrow(name);
  expect(read).not.toThrow(value);
});

test("half of the credentials for etcd is refused", () => {
  const config = readGatewayConfig({ ...REQUIRED, BIFROST_ETCD_USERNAME: "u" });
  expect(() => clusterSecrets(config)).toThrow("BIFROST_ETCD_PASSWORD");
});
