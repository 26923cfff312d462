/** `bifrost cluster keys rotate`: a new key for gossip, without a restart and without a node that is left out. */
import { randomBytes } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { ClusterDetails } from "@bifrost/shared/api/cluster";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import { CONTROL_OPTIONS, findControl, firstAnswer } from "../cluster/find-control.ts";
import type { ControlClient, KeyStep } from "../cluster/control-client.ts";
import { keyIn, keysAfter, planStep, remainingSteps } from "../cluster/key-steps.ts";
import { EXIT } from "../exit-code.ts";
import type { Output } from "../output.ts";
import type { CommandSpec } from "./command.ts";
import { detailsOf } from "./cluster-status.ts";

const STEPS = ["install", "use", "remove"] as const;

export const rotateKeys: CommandSpec = {
  usage: "rotate",
  description:
    "make a new gossip key, let every node know it, seal with it, forget the old one; each step waits for every live node",
  example: "bifrost cluster keys rotate --keys-file /etc/bifrost/gossip-keys",
  options: [
    ...CONTROL_OPTIONS,
    ["--keys-file <file>", "file with the value of BIFROST_GOSSIP_KEYS, which is kept up to date"],
    ["--step <step>", "install, use or remove alone, to update where nodes start from in between"],
  ],
  async run({ output, environment }, _args, options) {
    const control = findControl(environment, options);
    const details = await firstAnswer(control.clients, detailsNow);
    const steps =
      options["step"] === undefined ? remainingSteps(details) : oneStep(options["step"]);
    const { keysFile = control.access?.keysFile } = options;
    const file = typeof keysFile === "string" ? keysFile : null;
    if (file === null && steps.includes("install")) throw nowhereToKeep();
    for (const step of steps) {
      await firstAnswer(control.clients, (client) => take(client, step, file, output));
    }
    return EXIT.ok;
  },
};

function oneStep(step: unknown): readonly KeyStep["step"][] {
  const known = STEPS.filter((one) => one === step);
  if (known.length > 0) return known;
  throw new BifrostError(
    "bad-request",
    `--step must be ${STEPS.join(", ")}; found ${JSON.stringify(step)}`,
  );
}

/** A key that only running nodes know is lost with them. */
function nowhereToKeep(): BifrostError {
  return new BifrostError(
    "bad-request",
    "name the file that the new key is kept in with --keys-file: nodes that start without it could not read what the others say",
  );
}

/** A gateway without its gossip process knows no keys. */
async function detailsNow(client: ControlClient): Promise<ClusterDetails> {
  const details = detailsOf(await client.status());
  if (details.problem === null) return details;
  throw new BifrostError(
    "upstream-unavailable",
    `${client.address} takes no part in its cluster now: ${details.problem}`,
  );
}

async function take(
  client: ControlClient,
  step: KeyStep["step"],
  file: string | null,
  output: Output,
): Promise<void> {
  const details = await detailsNow(client);
  const nodes = details.members.filter(({ state }) => state === "alive").length;
  const planned = planStep(step, details, (id) => keptKey(file, id) ?? newKey());
  for (const one of planned) {
    // Before the nodes, so that none that starts meanwhile is left out; a key is forgotten by them first.
    if (file !== null && step !== "remove") keep(file, one);
    await client.changeKeys(one);
    if (file !== null && step === "remove") keep(file, one);
    output.data({ step, id: one.id, nodes });
    output.line(WORDS[step].replace("#", String(one.id)));
  }
  if (planned.length === 0) output.note("There is no other key to remove.");
}

const WORDS = {
  install: "Key # is known to every node.",
  use: "Key # seals what every node sends.",
  remove: "Key # is forgotten.",
} as const;

const KEY_BYTES = 32;

function newKey(): string {
  return randomBytes(KEY_BYTES).toString("base64");
}

function keptKey(file: string | null, id: number): string | undefined {
  return file === null ? undefined : keyIn(read(file), id);
}

/** Whole or not at all, and never readable by others. */
function keep(file: string, step: KeyStep): void {
  const value = keysAfter(read(file), step);
  writeFileSync(`${file}.new`, `${value}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new BifrostError(
      "bad-request",
      `--keys-file must be a file with the value of BIFROST_GOSSIP_KEYS: ${messageOf(error)}`,
    );
  }
}
