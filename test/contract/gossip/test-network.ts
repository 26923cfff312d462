/**
 * A network of its own for each test: a namespace per node and one for the switch between them. All of it goes with the
 * namespaces, and those with the test, however it ends; what a killed test run left is removed by the next.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { atEnd } from "../../support/at-end.ts";

const PREFIX = "bfnet";
const COMMAND_MS = 10_000;
let last = 0;

/** Why there can be no such network here; null = there can. */
export function lacksNetworks(): string | null {
  if (process.getuid?.() !== 0) return "netns is not reachable: network namespaces need root";
  for (const program of ["ip", "nft"]) {
    if (spawnSync(program, ["-V"]).error !== undefined) return `${program} is not installed`;
  }
  const probe = `${PREFIX}-${process.pid}-probe`;
  const made = spawnSync("ip", ["netns", "add", probe], { encoding: "utf8", timeout: COMMAND_MS });
  spawnSync("ip", ["netns", "del", probe], { timeout: COMMAND_MS });
  return made.status === 0 ? null : `netns is not reachable: ${made.stderr.trim()}`;
}

export class TestNetwork {
  readonly #name: string;
  readonly #hosts: string[] = [];

  constructor() {
    removeLeftovers();
    this.#name = `${PREFIX}-${process.pid}-${last++}`;
    atEnd(() => this.remove());
    run(["ip", "netns", "add", this.#switch]);
    this.#inSwitch("ip link add br0 type bridge");
    this.#inSwitch("ip link set br0 up");
  }

  /** A host more. Answers its number, which stands in its address. */
  addHost(): number {
    const host = this.#hosts.length + 1;
    const name = `${this.#name}-${host}`;
    this.#hosts.push(name);
    run(["ip", "netns", "add", name]);
    this.#inSwitch(`ip link add port${host} type veth peer name eth0 netns ${name}`);
    this.#inSwitch(`ip link set port${host} master br0 up`);
    this.inHost(host, `ip addr add ${addressOf(host)}/24 dev eth0`);
    this.inHost(host, "ip link set lo up");
    this.inHost(host, "ip link set eth0 up");
    return host;
  }

  /** What a command of this host begins with. */
  prefix(host: number): readonly string[] {
    return ["ip", "netns", "exec", `${this.#name}-${host}`];
  }

  inHost(host: number, command: string): void {
    run([...this.prefix(host), ...command.split(" ")]);
  }

  /** Its cable is pulled. */
  unplug(host: number): void {
    this.#inSwitch(`ip link set port${host} down`);
  }

  plugIn(host: number): void {
    this.#inSwitch(`ip link set port${host} up`);
  }

  /** What comes to this host and matches is dropped: a statement of nft before `drop`. */
  drop(host: number, match: string): void {
    this.inHost(host, "nft add table inet test");
    this.inHost(host, "nft add chain inet test in { type filter hook input priority 0 ; }");
    this.inHost(host, `nft add rule inet test in ${match} drop`);
  }

  dropNothing(host: number): void {
    this.inHost(host, "nft flush ruleset");
  }

  remove(): void {
    for (const name of [...this.#hosts.splice(0), this.#switch]) removeNamespace(name);
  }

  get #switch(): string {
    return `${this.#name}-switch`;
  }

  #inSwitch(command: string): void {
    run(["ip", "netns", "exec", this.#switch, ...command.split(" ")]);
  }
}

export function addressOf(host: number): string {
  return `10.99.0.${host}`;
}

function run([program = "", ...args]: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    timeout: COMMAND_MS,
  });
  if (status === 0) return;
  throw new Error(`${program} ${args.join(" ")} failed: ${error?.message ?? stderr.trim()}`);
}

function removeNamespace(name: string): void {
  spawnSync("ip", ["netns", "del", name], { timeout: COMMAND_MS, stdio: "ignore" });
}

function removeLeftovers(): void {
  const { stdout } = spawnSync("ip", ["netns", "list"], { encoding: "utf8", timeout: COMMAND_MS });
  for (const name of stdout.split("\n").map((line) => line.split(" ")[0] ?? "")) {
    const [prefix, pid = ""] = name.split("-");
    if (prefix === PREFIX && !existsSync(`/proc/${pid}`)) removeNamespace(name);
  }
}
