/** Which step of a key rotation comes next; told by the keys that the nodes have, so that it can be taken up anywhere. */
import type { ClusterDetails } from "@bifrost/shared/api/cluster";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { KeyStep } from "./control-client.ts";

type Keys = ClusterDetails["keys"];

const IDS = 256;

/** The key that is to seal next has the id after the one that seals. `keyFor`: base64 of the new key under that id. */
export function planStep(
  step: KeyStep["step"],
  { keys, members }: Pick<ClusterDetails, "keys" | "members">,
  keyFor: (id: number) => string,
): readonly KeyStep[] {
  const id = (sealingKey(keys).id + 1) % IDS;
  const next = keys.find((one) => one.id === id);
  if (step === "install") {
    if (next !== undefined) throw inTheWay(`key ${id} is installed already`, "--step use");
    return [{ step, id, key: keyFor(id) }];
  }
  if (step === "remove") {
    if (next !== undefined) throw inTheWay(`key ${id} does not seal yet`, "--step use");
    return keys.filter(({ isPrimary }) => !isPrimary).map((one) => ({ step, id: one.id }));
  }
  if (next === undefined) throw inTheWay(`there is no key ${id} to use`, "--step install");
  const lacking = withoutKey(next, members);
  if (lacking.length === 0) return [{ step, id }];
  throw new BifrostError(
    "not-ready",
    `key ${id} is not known to ${lacking.join(", ")} yet: what is sealed with it could not be read there; try again, or end those nodes`,
  );
}

/** Those that are left of a whole rotation: one that was broken off after its first step goes on there. */
export function remainingSteps({ keys }: Pick<ClusterDetails, "keys">): readonly KeyStep["step"][] {
  const nextId = (sealingKey(keys).id + 1) % IDS;
  return keys.some(({ id }) => id === nextId) ? ["use", "remove"] : ["install", "use", "remove"];
}

function sealingKey(keys: Keys): Keys[number] {
  const sealing = keys.find(({ isPrimary }) => isPrimary);
  if (sealing !== undefined) return sealing;
  throw new BifrostError(
    "not-ready",
    "gossip is not encrypted here, so there is no key to rotate; set BIFROST_GOSSIP_KEYS on all nodes and restart them",
  );
}

function withoutKey(key: Keys[number], members: ClusterDetails["members"]): readonly string[] {
  const has = new Set(key.installedAt);
  const live = members.filter(({ state }) => state === "alive" || state === "suspect");
  return live.map(({ nodeId }) => nodeId).filter((nodeId) => !has.has(nodeId));
}

function inTheWay(what: string, flag: string): BifrostError {
  return new BifrostError(
    "not-ready",
    `${what}; go on with \`bifrost cluster keys rotate ${flag}\``,
  );
}

const ENTRY = /^(\d{1,3}):([A-Za-z0-9+/]{43}=)$/;

/** The value of BIFROST_GOSSIP_KEYS after a step: nodes that start with it get along with those that run. */
export function keysAfter(value: string, step: KeyStep): string {
  const entries = parseKeys(value);
  const others = entries.filter(({ id }) => id !== step.id);
  const own = entries.filter(({ id }) => id === step.id);
  if (step.step === "use" && own.length === 0) {
    throw new BifrostError(
      "not-ready",
      `the keys file has no key ${step.id}, which the nodes have: nodes that start with it could not read what the others say; add what \`--step install\` wrote elsewhere`,
    );
  }
  const added = step.key === undefined ? [] : [{ id: step.id, key: step.key }];
  const all = { install: [...others, ...added], use: [...own, ...others], remove: others };
  return all[step.step].map(({ id, key }) => `${id}:${key}`).join(",");
}

/** The key under an id, of a file's text; an install that was broken off is taken up with it. */
export function keyIn(value: string, id: number): string | undefined {
  return parseKeys(value).find((entry) => entry.id === id)?.key;
}

function parseKeys(value: string): readonly { readonly id: number; readonly key: string }[] {
  const entries =
    value.trim() === "" ? [] : value.split(",").map((text) => ENTRY.exec(text.trim()));
  return entries.map((entry) => {
    if (entry !== null) return { id: Number(entry[1]), key: entry[2] ?? "" };
    throw new BifrostError(
      "bad-request",
      "the keys file must have the value of BIFROST_GOSSIP_KEYS: keys such as 1:<base64 of 32 bytes>, separated by commas",
    );
  });
}
