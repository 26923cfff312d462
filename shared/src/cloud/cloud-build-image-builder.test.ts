import { describe, expect, it } from "vitest";
import { buildTags, toBuild } from "./cloud-build-image-builder.ts";

describe("a build as Cloud Build tells it", () => {
  it.each([
    ["QUEUED", "pending"],
    ["PENDING", "pending"],
    ["WORKING", "working"],
    ["SUCCESS", "succeeded"],
    ["FAILURE", "failed"],
    ["INTERNAL_ERROR", "failed"],
    ["TIMEOUT", "timed-out"],
    ["EXPIRED", "timed-out"],
    ["CANCELLED", "cancelled"],
    ["STATUS_UNKNOWN", "pending"],
  ] as const)("%s is %s", (status, expected) => {
    expect(toBuild({ status }).status).toBe(expected);
  });

  it("knows its deployment and attempt by its tags", () => {
    const tags = buildTags("depaaaaaaaaaaa", 3);
    expect(toBuild({ tags })).toMatchObject({ deploymentId: "depaaaaaaaaaaa", attempt: 3 });
    expect(toBuild({})).toMatchObject({ deploymentId: null, attempt: null });
  });

  it("has its steps' outputs decoded, whether they come as text or as bytes", () => {
    const encoded = Buffer.from("sha256:1");
    const asText = ["", encoded.toString("base64")] as unknown as Uint8Array[];
    const buildStepOutputs = [...asText, new Uint8Array(encoded)];
    expect(toBuild({ results: { buildStepOutputs } }).outputs).toEqual([
      "",
      "sha256:1",
      "sha256:1",
    ]);
  });

  it("keeps the provider's words on a failure", () => {
    const statusDetail = "step failed";
    expect(toBuild({ statusDetail }).detail).toBe("step failed");
    expect(toBuild({ statusDetail, failureInfo: { detail: "why" } }).detail).toBe("why");
  });
});
