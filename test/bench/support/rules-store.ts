/** The embedded Firestore with the real security rules, in a process of its own as in the platform. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { MOVES } from "@bifrost/shared/domain/lifecycle";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { startFirestore } from "../../../local/src/firestore/index.ts";
import { compileRules } from "../../../local/src/firestore/rules/compile.ts";
import { startIdentity } from "../../../local/src/identity/index.ts";
import { removeFolder, ROOT, temporaryFolder } from "../../support/folders.ts";
import { PERSON, type StoreFacts, type StoreReady } from "./store-messages.ts";

const OWNER_TOKEN = "bench-owner";

const home = temporaryFolder("bf-store-");
const base = { timers: systemTimers, log: silentLogger };
const identity = await startIdentity({
  ...base,
  dataDir: path.join(home, "identity"),
  projectId: "bifrost-local",
  apiKey: "bench",
  verifyCustomToken: () => Promise.reject(new Error("not used")),
});
const firestore = await startFirestore({
  ...base,
  dataDir: path.join(home, "firestore"),
  projectId: "bifrost-local",
  rules: compileRules(readFileSync(path.join(ROOT, "firestore.rules"), "utf8")),
  verifyIdToken: (token) => identity.verifyIdToken(token),
  ownerToken: OWNER_TOKEN,
});

const tokens: Record<string, string> = {};
for (const service of new Set(MOVES.map(({ owner }) => owner))) {
  tokens[service] = (await identity.mintUserToken(`svc:${service}`, { svc: service })).idToken;
}

tokens[PERSON] = (await identity.mintUserToken(PERSON, {})).idToken;

process.on("message", () => {
  const { syncs, deniedWrites } = firestore.info();
  const facts = {
    syncs: Number(syncs),
    deniedWrites: Number(deniedWrites),
    memoryBytes: memoryBytes(),
  } satisfies StoreFacts;
  process.send?.(facts);
});

/** What is in use after a collection: heap, buffers and what native code holds for them. */
function memoryBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
process.once("disconnect", () => {
  void Promise.all([firestore.stop(), identity.stop()]).then(() => {
    removeFolder(home);
    process.exit(0);
  });
});
process.send?.({ port: firestore.port, ownerToken: OWNER_TOKEN, tokens } satisfies StoreReady);
