import { expect, test } from "vitest";
import { GOSSIP_TARGETS } from "../gossip/https/node-url.ts";
import { testClusterConfig } from "../testing/cluster-parts.ts";
import { entranceOf } from "./entrance-of.ts";

const { gossip } = testClusterConfig();
const at = (advertise: string, bindAddress: string) =>
  entranceOf(
    testClusterConfig({
      transport: "https",
      advertise,
      bindAddress,
      gossip: { ...gossip, port: 10_101 },
    }),
  );

test.each([
  ["https://Gateway-1.example", "127.0.0.1", "gateway-1.example", "127.0.0.1:10101"],
  ["https://gateway-1.example", "0.0.0.0", "gateway-1.example", "127.0.0.1:10101"],
  ["https://gateway-1.example:8443", "::", "gateway-1.example", "[::1]:10101"],
  ["https://gateway-1.example", "10.1.2.3", "gateway-1.example", "10.1.2.3:10101"],
  ["https://[::1]:8443", "::1", "[::1]", "[::1]:10101"],
])("a node that is %s and listens at %s is asked as %s at %s", (advertise, bind, host, address) => {
  // As configuration is read, addresses have one spelling.
  expect(at(new URL(advertise).origin, bind)).toEqual({ host, address, targets: GOSSIP_TARGETS });
});

test("in a mesh nothing of other nodes comes in with the apps' traffic", () => {
  const advertise = "https://gateway-1.example";
  expect(entranceOf(testClusterConfig({ transport: "mesh", advertise }))).toBe(null);
});
