import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EXIT } from "../exit-code.ts";
import { run } from "../testing/captured.ts";
import {
  memberNamed,
  startControlServer,
  statusOf,
  TOKEN,
  type ControlServer,
} from "../testing/control-server.ts";
import { rotateKeys } from "./cluster-keys.ts";

const OLD = Buffer.alloc(32, 1).toString("base64");
const HOLDER = { BIFROST_CONTROL_TOKEN: TOKEN };

let control: ControlServer;
let folder = "";
let keysFile = "";
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "bifrost-keys-"));
  keysFile = path.join(folder, "gossip-keys");
  writeFileSync(keysFile, `1:${OLD}\n`);
  control = await startControlServer(statusOf([memberNamed("node-1"), memberNamed("node-2")]));
});
afterEach(async () => {
  await control.stop();
  rmSync(folder, { recursive: true });
});

const kept = () => readFileSync(keysFile, "utf8").trim();
const rotate = (options: Record<string, unknown> = {}) =>
  run(rotateKeys, { control: control.address, ...options }, HOLDER);

describe("bifrost cluster keys rotate", () => {
  test("installs a new key, uses it, removes the old one, and keeps the file up to date", async () => {
    const { code, text } = await rotate({ keysFile });
    expect(code).toBe(EXIT.ok);
    expect(control.steps.map(({ step, id }) => [step, id])).toEqual([
      ["install", 2],
      ["use", 2],
      ["remove", 1],
    ]);
    const [{ key = "" } = {}] = control.steps;
    expect(Buffer.from(key, "base64")).toHaveLength(32);
    expect(kept()).toBe(`2:${key}`);
    expect(statSync(keysFile).mode & 0o777).toBe(0o600);
    expect(text).toBe(
      "Key 2 is known to every node.\nKey 2 seals what every node sends.\nKey 1 is forgotten.",
    );
    expect(text).not.toContain(key);
  });

  test("leaves in the file after each step what a node that starts then can read the others with", async () => {
    await rotate({ keysFile, step: "install" });
    const key = control.steps[0]?.key ?? "";
    expect(kept()).toBe(`1:${OLD},2:${key}`);
    await rotate({ keysFile, step: "use" });
    expect(kept()).toBe(`2:${key},1:${OLD}`);
    await rotate({ keysFile, step: "remove" });
    expect(kept()).toBe(`2:${key}`);
    expect((await rotate({ step: "remove" })).notes).toEqual(["There is no other key to remove."]);
  });

  test("goes on with the key it had chosen when the gateway refused to install it", async () => {
    control.refusedSteps = 1;
    await expect(rotate({ keysFile })).rejects.toThrow("said the gateway");
    const chosen = kept();
    expect(chosen).toMatch(/^1:.*,2:.*$/);
    await rotate({ keysFile, step: "install" });
    expect(kept()).toBe(chosen);
    expect(chosen).toContain(`2:${control.steps[0]?.key}`);
  });

  test("goes on where a rotation was broken off, and not with a file that lacks the new key", async () => {
    await rotate({ keysFile, step: "install" });
    const chosen = kept();
    writeFileSync(keysFile, `1:${OLD}`);
    await expect(rotate({ keysFile })).rejects.toThrow("the keys file has no key 2");
    writeFileSync(keysFile, chosen);
    expect((await rotate({ keysFile })).code).toBe(EXIT.ok);
    expect(control.steps.map(({ step }) => step)).toEqual(["install", "use", "remove"]);
    expect(kept()).toBe(`2:${control.steps[0]?.key}`);
  });

  test("tells why the gateway refused, and not what another one lacks", async () => {
    const other = await startControlServer(
      statusOf([memberNamed("node-2")], { keys: [], problem: "its gossip process ended" }),
    );
    try {
      control.refusedSteps = 1;
      const both = `${control.address},${other.address}`;
      await expect(rotate({ keysFile, control: both })).rejects.toThrow("said the gateway");
      const alone = rotate({ keysFile, control: other.address });
      await expect(alone).rejects.toThrow("no part in its cluster now: its gossip process ended");
    } finally {
      await other.stop();
    }
  });

  test("after id 255 comes id 0", async () => {
    const keys = [{ id: 255, isPrimary: true, installedAt: ["node-1", "node-2"] }];
    control.status = statusOf(control.status.details.members, { keys });
    writeFileSync(keysFile, `255:${OLD}`);
    await rotate({ keysFile });
    expect(control.steps.map(({ id }) => id)).toEqual([0, 0, 255]);
  });

  test("seals with no key that a live node does not know; a dead one is not waited for", async () => {
    await rotate({ keysFile, step: "install" });
    const { keys, members } = control.status.details;
    const lost = (state: "alive" | "dead") =>
      statusOf([...members, memberNamed("node-3", { state })], { keys });
    control.status = lost("alive");
    await expect(rotate({ step: "use" })).rejects.toThrow("key 2 is not known to node-3 yet");
    control.status = lost("dead");
    expect(await rotate({ step: "use" })).toMatchObject({ code: EXIT.ok });
  });

  test.each<[string, Record<string, unknown>, string]>([
    ["without a file to keep the key in", {}, "--keys-file"],
    ["with an unknown step", { step: "burn" }, 'install, use, remove; found "burn"'],
    ["to use what was not installed", { step: "use" }, "--step install"],
    ["with a file that is not there", { keysFile: "/nowhere/keys" }, "--keys-file must be a file"],
  ])("refuses %s", async (_, options, message) => {
    await expect(rotate(options)).rejects.toThrow(message);
    expect(control.steps).toEqual([]);
  });

  test("refuses a file with something else in it, and leaves it as it is", async () => {
    writeFileSync(keysFile, "hunter2");
    await expect(rotate({ keysFile })).rejects.toThrow(
      "must have the value of BIFROST_GOSSIP_KEYS",
    );
    expect([kept(), control.steps]).toEqual(["hunter2", []]);
  });

  test("refuses out of order, where gossip is not sealed, and without the token", async () => {
    await rotate({ keysFile, step: "install" });
    await expect(rotate({ keysFile, step: "install" })).rejects.toThrow("--step use");
    await expect(rotate({ step: "remove" })).rejects.toThrow("--step use");
    control.status = statusOf([memberNamed("node-1")], { keys: [], encrypted: false });
    await expect(rotate({ keysFile })).rejects.toThrow("not encrypted");
    const stranger = run(rotateKeys, { control: control.address, keysFile });
    await expect(stranger).rejects.toMatchObject({ code: "unauthenticated" });
  });
});
