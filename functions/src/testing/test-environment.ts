/** A complete environment of a function, nothing in it real. */
const IMAGE_DIGEST = `sha256:${"0".repeat(64)}`;

export const TEST_ENVIRONMENT: Readonly<Record<string, string>> = {
  GOOGLE_CLOUD_PROJECT: "test",
  BIFROST_REGION: "local-1",
  BIFROST_FUNCTIONS_URL: "http://functions.test",
  BIFROST_API_URL: "http://api.test",
  BIFROST_DOMAIN: "apps.test:8080",
  BIFROST_SCHEME: "http",
  BIFROST_FIREBASE_API_KEY: "firebase-key",
  BIFROST_SOURCE_BUCKET: "sources",
  BIFROST_SITE_BUCKET: "sites",
  BIFROST_POLICY_BUCKET: "policies",
  BIFROST_REGISTRY: "registry.test/apps",
  BIFROST_TOOLCHAINS: "registry.test/toolchains",
  BIFROST_PACK_IMAGE: `registry.test/pack@${IMAGE_DIGEST}`,
  BIFROST_SIDECAR_IMAGE: `registry.test/sidecar@${IMAGE_DIGEST}`,
  BIFROST_COLLECTOR_HOST: "10.0.0.1",
  BIFROST_COLLECTOR_PORT: "9000",
  BIFROST_TELEMETRY_SECRET: "telemetry-secret",
  BIFROST_GITHUB_APP_ID: "1",
  BIFROST_GITHUB_PRIVATE_KEY: "github-private-key",
  BIFROST_GITHUB_WEBHOOK_SECRET: "webhook-secret",
};
