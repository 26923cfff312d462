/** The server that the contract suite talks to: ours, or any Firestore emulator that FIRESTORE_EMULATOR_HOST names. */
import { randomUUID } from "node:crypto";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { Firestore } from "@google-cloud/firestore";
import { startFirestore } from "../index.ts";
import { compileRules } from "../rules/compile.ts";
import { temporaryDirectory } from "../testing/firestore-fixture.ts";

const VARIABLE = "FIRESTORE_EMULATOR_HOST";

/** Google's clients take any project whose name starts like this for one that exists in emulators only. */
export const PROJECT = "demo-bifrost";
export const ROOT = `projects/${PROJECT}/databases/(default)/documents`;

const OPEN_RULES = `rules_version = '2';
service cloud.firestore { match /databases/{database}/documents {
  match /{document=**} { allow read, write; }
} }`;

/** Whether the suite was pointed at another server. */
export const isForeign = process.env[VARIABLE] !== undefined;

/** The first is the suite's; the others were made by tests and end with the suite. */
const clients: Firestore[] = [];

/** Starts our server unless the variable names one; the clients find either through the variable. */
export async function openTarget(): Promise<() => Promise<void>> {
  const stop = isForeign ? () => Promise.resolve() : await startOurs();
  anotherClient();
  return async () => {
    for (const client of clients.splice(0)) await client.terminate();
    await stop();
  };
}

/** The unmodified server client as the variable makes it, which is the administrator; one for the whole suite. */
export function db(): Firestore {
  const [shared] = clients;
  if (shared === undefined) throw new Error("openTarget comes first");
  return shared;
}

async function startOurs(): Promise<() => Promise<void>> {
  // With a log on a real disk, so that commits overlap while they wait for it.
  const directory = temporaryDirectory();
  const server = await startFirestore({
    dataDir: directory.path,
    projectId: PROJECT,
    timers: systemTimers,
    log: silentLogger,
    rules: compileRules(OPEN_RULES),
    testMode: true,
  });
  process.env[VARIABLE] = `127.0.0.1:${server.port}`;
  return async () => {
    delete process.env[VARIABLE];
    await server.stop();
    directory.remove();
  };
}

export function targetAddress(): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(`http://${process.env[VARIABLE] ?? ""}`);
  return { host: hostname, port: Number(port) };
}

/** One more such client, on a connection of its own. */
export function anotherClient(): Firestore {
  const client = new Firestore({ projectId: PROJECT });
  clients.push(client);
  return client;
}

/** A client of another server of ours; the caller ends it. The variable counts when a client is made, and only then. */
export function clientAt(port: number): Firestore {
  const before = process.env[VARIABLE];
  process.env[VARIABLE] = `127.0.0.1:${port}`;
  const client = new Firestore({ projectId: PROJECT });
  process.env[VARIABLE] = before;
  return client;
}

/** A collection that no other test, run or user of a shared server has. */
export function freshCollection(): string {
  return `contract/${randomUUID()}/items`;
}

export interface RestAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** One call of the REST API below the documents, as the administrator. */
export async function rest(method: string, path: string, body?: unknown): Promise<RestAnswer> {
  const { host, port } = targetAddress();
  const response = await fetch(`http://${host}:${port}/v1/${ROOT}${path}`, {
    method,
    headers: { authorization: "Bearer owner", "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}
