/** Every behaviour of the core on virtual time, in both of its forms. */
import { describe, vi } from "vitest";
import { FORMS } from "../testing/forms.ts";
import { probingContract } from "./probing.contract.ts";

vi.mock("./host.ts", async (original) => ({
  ...(await original<object>()),
  ...(await import("../testing/host-double.ts")),
}));

describe.each(FORMS)("$form", ({ startCore }) => {
  describe("probing", () => {
    probingContract(startCore);
  });
});
