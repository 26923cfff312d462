/** Ten thousand keep-alive clients that do nothing, opened from another process, cost little and hinder nobody. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { answering, GET, OK, ProxyRig } from "../testing/proxy-rig.ts";
import { eventually } from "../testing/test-gateway.ts";

const CLIENTS = 10_000;
/** Clients for each of the addresses they come from, far below what one address has ports for. */
const PER_ADDRESS = 1_000;
/** Most that one idle client may take of this process: its socket, its connection and its share of lists. */
const MAX_BYTES_EACH = 24 * 1024;

/** Opens connections from several addresses, sends one request on each, and says when all were answered. */
const CLIENT_PROGRAM = `
const { connect } = require("node:net");
const [port, clients, perAddress, request] = JSON.parse(process.argv[1]);
let answered = 0;
let opened = 0;
function open() {
  if (opened === clients) return;
  const localAddress = "127.0.0." + (2 + Math.floor(opened++ / perAddress));
  const socket = connect({ port, host: "127.0.0.1", localAddress }, () => socket.write(request));
  socket.once("data", () => {
    answered++;
    if (answered === clients) console.log("all answered");
    open();
  });
  socket.on("error", (error) => { console.log(error.message); process.exit(1); });
}
for (let i = 0; i < 64; i++) open();
process.stdin.resume().on("end", () => process.exit());
`;

let rig: ProxyRig;
let otherProcess: ChildProcess | undefined;

beforeEach(async () => {
  rig = await ProxyRig.start({ limits: { maxClients: CLIENTS + 10 } });
});

afterEach(async () => {
  otherProcess?.kill("SIGKILL");
  await rig.stop();
});

function openFilesAllowed(): number {
  const line = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
  return Number(line?.[1] ?? 0);
}

test(`${CLIENTS} idle clients leave the gateway as quick as before, each for a few KiB`, async () => {
  expect(openFilesAllowed(), "raise it with ulimit -n").toBeGreaterThan(CLIENTS + 500);
  rig.serve(await rig.rawReplica(answering(OK)));
  const first = await rig.client();
  first.send(GET);
  await first.until((text) => text.endsWith("ok"));
  const before = process.memoryUsage().rss;
  const facts = JSON.stringify([rig.running.gateway.port, CLIENTS, PER_ADDRESS, GET]);
  otherProcess = spawn(process.execPath, ["-e", CLIENT_PROGRAM, facts], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  if (otherProcess.stdout === null) throw new Error("The clients' process has no output.");
  const [said] = (await once(createInterface(otherProcess.stdout), "line")) as [string];
  expect(said).toBe("all answered");
  expect(rig.listener.clients()).toBe(CLIENTS + 1);
  const each = (process.memoryUsage().rss - before) / CLIENTS;
  console.log(`${CLIENTS} idle clients: ${Math.round(each)} bytes of memory each`);
  expect(each).toBeLessThan(MAX_BYTES_EACH);
  first.send(GET);
  await first.until((text) => text.split("\r\n\r\nok").length === 3);
  const fresh = await rig.client();
  fresh.send(GET);
  await fresh.until((text) => text.endsWith("ok"));
  fresh.socket.destroy();
  otherProcess.kill("SIGKILL");
  await eventually("they are gone", () => rig.listener.clients() === 1);
});
