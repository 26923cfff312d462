/** Nodes of a mesh as processes that can be killed and stopped. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type {
  NodeProgramInput,
  NodeProgramLine,
} from "@bifrost/gateway/gossip/testing/node-program";
import { endWithTests } from "../../support/processes.ts";
import { until } from "../../support/until.ts";

type MemberLine = Extract<NodeProgramLine, { kind: "member" }>;

export class NodeProcess {
  readonly id: string;
  readonly changes: MemberLine[] = [];
  readonly logged: string[] = [];
  address = "";
  readonly #child: ChildProcess;

  /** `prefix`: what runs the program, such as `ip netns exec <name>`. */
  constructor(script: string, input: NodeProgramInput, prefix: readonly string[] = []) {
    this.id = input.id;
    const [program, ...args] = [...prefix, process.execPath, script, JSON.stringify(input)];
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    endWithTests(this.#child);
    const lines = this.#child.stdout;
    if (lines === null) throw new Error("its standard output is a pipe");
    createInterface({ input: lines }).on("line", (line) => {
      this.#take(JSON.parse(line) as NodeProgramLine);
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async isUp(): Promise<string> {
    await until(() => this.address !== "", { what: `node ${this.id}`, everyMs: 5 });
    return this.address;
  }

  stateOf(id: string): string | undefined {
    return this.changes.findLast((change) => change.id === id)?.state;
  }

  /** The first change of that kind. */
  first(id: string, state: MemberLine["state"]): MemberLine | undefined {
    return this.changes.find((change) => change.id === id && change.state === state);
  }

  #take(line: NodeProgramLine): void {
    if (line.kind === "up") this.address = line.address;
    else if (line.kind === "member") this.changes.push(line);
    else this.logged.push(`${line.event} ${JSON.stringify(line.fields)}`);
  }
}

/** All of them see all others alive. */
export async function allAlive(nodes: readonly NodeProcess[]): Promise<void> {
  const isJoined = (node: NodeProcess) =>
    nodes.every((other) => other === node || node.stateOf(other.id) === "alive");
  await until(() => nodes.every(isJoined), { what: "a whole cluster", everyMs: 10 });
}
