import { expect, test } from "vitest";
import { GATEWAY_VARIABLES, readGatewayConfig } from "./config.ts";

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
