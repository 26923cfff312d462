import { expect, test } from "vitest";
import { testClusterConfig } from "../testing/cluster-parts.ts";
import { gossipEntrance } from "./gossip-entrance.ts";

const { gossip } = testClusterConfig();
const at = (advertise: string, bindAddress: string) =>
  gossipEntrance(
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
  expect(at(new URL(advertise).origin, bind)).toEqual({ host, address });
});

test("without a cluster, or in a mesh, nothing of other nodes comes in with the apps' traffic", () => {
  expect(gossipEntrance(null)).toBe(null);
  const advertise = "https://gateway-1.example";
  expect(gossipEntrance(testClusterConfig({ transport: "mesh", advertise }))).toBe(null);
});
