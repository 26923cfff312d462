/** Every behaviour of the core on virtual time, in both of its forms. */
import { describe, vi } from "vitest";
import { FORMS } from "../testing/forms.ts";
import { startPlain } from "../testing/plain-form.ts";
import { startWasm } from "../testing/wasm-form.ts";
import { enduranceContract } from "./endurance.contract.ts";
import { fuzz } from "./fuzz.contract.ts";
import { grpcContract } from "./report/grpc/grpc.contract.ts";
import { http2Contract } from "./report/grpc/http2.contract.ts";
import { livenessContract } from "./liveness.contract.ts";
import { probingContract } from "./probe/probing.contract.ts";
import { reportingContract, stoppingContract } from "./report/reporting.contract.ts";
import { settingsContract } from "./settings/settings.contract.ts";
import { usageContract } from "./usage/usage.contract.ts";

vi.mock("./host.ts", async (original) => ({
  ...(await original<object>()),
  ...(await import("../testing/host-double.ts")),
}));

const CONTRACTS = {
  settings: settingsContract,
  probing: probingContract,
  reporting: reportingContract,
  gRPC: grpcContract,
  "HTTP/2": http2Contract,
  stopping: stoppingContract,
  usage: usageContract,
  liveness: livenessContract,
  endurance: enduranceContract,
};

describe.each(FORMS)("$form", ({ startCore }) => {
  describe.each(Object.entries(CONTRACTS))("%s", (_name, contract) => {
    contract(startCore);
  });
});

describe("whatever comes", () => {
  fuzz(startPlain, startWasm);
});
