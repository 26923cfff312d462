/**
 * What real, unmodified clients may rely on, through @google-cloud/firestore, firebase-admin, the firebase web SDK and
 * @firebase/rules-unit-testing. By default our server answers, in test mode.
 *
 * Against Google's emulator, unchanged, so that anyone can hold ours against it:
 *   gcloud emulators firestore start --host-port=127.0.0.1:8080     (or: firebase emulators:start --only firestore)
 *   FIRESTORE_EMULATOR_HOST=127.0.0.1:8080 npx vitest run --project contract local/src/firestore/emulator.contract.test.ts
 * Every test makes ids of its own, so the server may be shared and need not be empty. What an emulator by nature lacks,
 * and what only ours promises, is skipped there by name with the reason.
 */
import { afterAll, beforeAll, vi } from "vitest";
import { adminClientContract } from "./contract/admin-client.contract.ts";
import { documentsContract } from "./contract/documents.contract.ts";
import { openTarget } from "./contract/emulator-target.ts";
import { indexesContract } from "./contract/indexes.contract.ts";
import { isolationContract } from "./contract/isolation.contract.ts";
import { listenersContract } from "./contract/listeners.contract.ts";
import { methodsContract } from "./contract/methods.contract.ts";
import { queriesContract } from "./contract/queries.contract.ts";
import { rulesTestingContract } from "./contract/rules-testing.contract.ts";
import { transactionsContract } from "./contract/transactions.contract.ts";
import { webClientContract } from "./contract/web-client.contract.ts";
import { writesContract } from "./contract/writes.contract.ts";

// The clients look for Google's metadata server even when they have no use for it, and warn.
vi.stubEnv("METADATA_SERVER_DETECTION", "none");

let close: () => Promise<void> = () => Promise.resolve();
beforeAll(async () => {
  close = await openTarget();
});
afterAll(() => close());

documentsContract();
methodsContract();
writesContract();
queriesContract();
transactionsContract();
listenersContract();
webClientContract();
adminClientContract();
rulesTestingContract();
indexesContract();
isolationContract();
