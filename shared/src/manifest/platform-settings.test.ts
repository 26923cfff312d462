import { describe, expect, it } from "vitest";
import { isBifrostError } from "../domain/errors.ts";
import { configOf, GO_TOML, inputFor } from "./manifest-fixtures.ts";
import { parsePlatformSettings } from "./platform-settings.ts";

const GOOD = inputFor(configOf(GO_TOML)).platform;

describe("stored platform settings", () => {
  it("are read back as they were", () => {
    const full = {
      ...GOOD,
      collectorProtocol: "grpc",
      ingressNamespaces: ["edge"],
      ingressCidrs: ["10.8.0.0/24"],
    };
    expect(parsePlatformSettings(JSON.parse(JSON.stringify(full)))).toEqual(full);
  });

  it.each([
    ["a sidecar by tag", { ...GOOD, sidecarImage: "sidecar:latest" }, "sidecarImage"],
    ["a port out of range", { ...GOOD, collectorPort: 0 }, "collectorPort"],
    ["a host that is a URL", { ...GOOD, collectorHost: "http://x" }, "collectorHost"],
    ["a protocol nobody speaks", { ...GOOD, collectorProtocol: "udp" }, "collectorProtocol"],
    ["a key nobody knows", { ...GOOD, extra: 1 }, "extra"],
    ["nothing", null, ""],
  ])("are refused as corrupt, naming the field: %s", (_, stored, path) => {
    let thrown: unknown;
    try {
      parsePlatformSettings(stored);
    } catch (error) {
      thrown = error;
    }
    if (!isBifrostError(thrown, "data-corrupt")) throw new Error("it was accepted");
    expect(thrown.facts["path"]).toBe(path);
  });
});
