import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { FreePorts, PodAddresses, PortForward } from "./pod-network.ts";

describe("pod addresses", () => {
  it("are one per pod, and the wished one when it is free", () => {
    const addresses = new PodAddresses();
    const first = addresses.take();
    expect(first).toBe("127.64.0.1");
    expect(addresses.take(first)).not.toBe(first);
    addresses.free(first);
    expect(addresses.take(first)).toBe(first);
  });

  it("begin elsewhere for every seed", () => {
    const firsts = [0, 8094, 8095, 65_535].map((seed) => new PodAddresses(seed).take());
    expect(firsts).toEqual(["127.64.0.1", "127.71.231.129", "127.71.231.193", "127.127.255.193"]);
  });
});

describe("a port forward", () => {
  it("passes the end of one direction on while the other still speaks", async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      let asked = "";
      socket.on("data", (chunk: Buffer) => (asked += chunk.toString()));
      socket.on("end", () => socket.end(`got ${asked}`));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const forward = new PortForward((server.address() as AddressInfo).port);
    const port = await new FreePorts().take();
    await forward.listen("127.66.0.9", port);
    const client = connect({ host: "127.66.0.9", port, allowHalfOpen: true });
    client.end("question");
    expect(await text(client)).toBe("got question");
    forward.close();
    server.close();
  });

  it("fails at once when nothing listens behind it", async () => {
    const ports = new FreePorts();
    const [nobody, port] = [await ports.take(), await ports.take()];
    const forward = new PortForward(nobody);
    await forward.listen("127.66.0.9", port);
    const client = connect({ host: "127.66.0.9", port });
    await once(client, "close").catch(() => {});
    expect(client.destroyed).toBe(true);
    forward.close();
  });
});
