/** Methods of discovery that need nothing but a network, between network namespaces: real broadcast and multicast. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import type {
  DiscoveringNode,
  DiscoveringNodeLine,
} from "@bifrost/gateway/testing/discovering-node";
import { buildPrograms, type BuiltPrograms } from "@bifrost/gateway/testing/worker-program";
import { endWithTests } from "../../support/processes.ts";
import { addressOf, lacksNetworks, TestNetwork } from "./test-network.ts";

const PROGRAM = "testing/discovering-node";
const WAIT = { timeout: 30_000, interval: 10 } as const;
const COMMON = { serviceName: "bifrost-cluster", bindPort: 10101, dialTimeoutMs: 10_000 };
const ALLOWED = { allowedAddressSpace: ["10.99.0.0/24"] };
const UDP = { ...COMMON, ...ALLOWED, type: "udp", broadcastPort: 9999 } as const;
const MDNS = { ...COMMON, ...ALLOWED, type: "mdns", service: "_bifrost._tcp" } as const;

let programs: BuiltPrograms;
let missing: string | null;
beforeAll(async () => {
  missing = lacksNetworks();
  programs = await buildPrograms(PROGRAM);
});
afterAll(() => programs.remove());

class Node {
  readonly #child: ChildProcess;
  found: readonly string[] | null = null;

  constructor(input: DiscoveringNode, prefix: readonly string[]) {
    const script = programs.script(PROGRAM);
    const [command, ...args] = [...prefix, process.execPath, script, JSON.stringify(input)];
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    endWithTests(this.#child);
    if (this.#child.stdout === null) throw new Error("its standard output is a pipe");
    createInterface({ input: this.#child.stdout }).on("line", (text) => {
      const line = JSON.parse(text) as DiscoveringNodeLine;
      if (line.kind === "found") this.found = line.addresses;
    });
  }

  finds(...hosts: readonly number[]): Promise<void> {
    const wanted = hosts.map((host) => `${addressOf(host)}:10101`);
    return vi.waitFor(() => {
      if (this.found?.join() !== wanted.join()) throw new Error(`found: ${this.found?.join()}`);
    }, WAIT);
  }

  /** It says goodbye. */
  leave(): void {
    this.#child.stdin?.end();
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

// Each has a network of its own, and waits most of its time.
describe.concurrent("on one network", () => {
  test.for([UDP, MDNS])(
    "three machines find each other by $type, and hear who leaves",
    async (config, context) => {
      if (missing !== null) context.skip(missing);
      const network = new TestNetwork();
      const nodes: Node[] = [];
      context.onTestFinished(() => {
        for (const node of nodes) node.kill();
        network.remove();
      });
      for (let host = 1; host <= 3; host++) {
        network.addHost();
        const address = `${addressOf(host)}:10101`;
        const input = { id: `node-${host}`, address, discoveries: [config] };
        nodes.push(new Node(input, network.prefix(host)));
      }
      const [one, two, three] = nodes;
      await Promise.all([one?.finds(2, 3), two?.finds(1, 3), three?.finds(1, 2)]);
      two?.leave();
      await Promise.all([one?.finds(3), three?.finds(1)]);
    },
  );
});
