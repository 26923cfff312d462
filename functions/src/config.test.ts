import { describe, expect, it } from "vitest";
import { FUNCTION_VARIABLES, readFunctionConfig } from "./config.ts";
import { TEST_ENVIRONMENT } from "./testing/test-environment.ts";

const VARIABLES = Object.values(FUNCTION_VARIABLES);

function problemsOf(environment: Readonly<Record<string, string>>): string {
  try {
    readFunctionConfig(environment);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

describe("a function's configuration", () => {
  it("is read once, frozen, with production's addresses where none is given", () => {
    const config = readFunctionConfig(TEST_ENVIRONMENT);
    expect(config).toMatchObject({
      collectorPort: 9000,
      collectorProtocol: "http",
      githubApiUrl: "https://api.github.com",
      kubeconfig: null,
      healthTimeoutSeconds: 60,
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it("names every variable that is missing, all at once, with its meaning", () => {
    const problems = problemsOf({});
    const required = VARIABLES.filter((one) => !("fallback" in one));
    expect(required.length).toBeGreaterThan(10);
    for (const { name, meaning } of required) {
      expect(problems).toContain(`${name} is not set: ${meaning}`);
    }
    for (const one of VARIABLES.filter((variable) => "fallback" in variable)) {
      expect(problems).not.toContain(`${one.name} `);
    }
  });

  it.each([
    ["BIFROST_COLLECTOR_PORT", "http"],
    ["BIFROST_COLLECTOR_PORT", "0"],
    ["BIFROST_COLLECTOR_PORT", "65536"],
    ["BIFROST_COLLECTOR_PORT", "80.5"],
    ["BIFROST_COLLECTOR_PROTOCOL", "udp"],
    ["BIFROST_FUNCTIONS_URL", "not a url"],
    ["BIFROST_WORKFLOWS_ENDPOINT", "http://x:1"],
    ["BIFROST_SCHEME", "ftp"],
    ["BIFROST_HEALTH_TIMEOUT_SECONDS", "soon"],
    ["BIFROST_HEALTH_TIMEOUT_SECONDS", "0"],
    ["BIFROST_LOG_LEVEL", "loud"],
  ])("refuses %s=%s and shows what was found", (name, value) => {
    const problems = problemsOf({ ...TEST_ENVIRONMENT, [name]: value });
    expect(problems).toContain(name);
    expect(problems).toContain(JSON.stringify(value));
  });

  it("never shows a secret, not even in an error about another variable", () => {
    const secrets = VARIABLES.filter((one) => "secret" in one && one.secret);
    expect(secrets.length).toBeGreaterThan(2);
    const marked = Object.fromEntries(secrets.map(({ name }) => [name, "s3cr3t"]));
    expect(problemsOf({ ...marked, BIFROST_SCHEME: "ftp" })).not.toContain("s3cr3t");
  });

  it.each([
    "FIRESTORE_EMULATOR_HOST",
    "PUBSUB_EMULATOR_HOST",
    "FIREBASE_AUTH_EMULATOR_HOST",
    "STORAGE_EMULATOR_HOST",
  ])("refuses %s on Cloud Run, where it would turn verification off", (name) => {
    const loosened = { ...TEST_ENVIRONMENT, K_SERVICE: "api", [name]: "127.0.0.1:1" };
    expect(problemsOf(loosened)).toContain(name);
  });
});
