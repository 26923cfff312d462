import { defineConfig } from "vitest/config";
import { SummaryReporter } from "./tools/test-summary.ts";

/** Google's client libraries otherwise look for a metadata server and wait. */
const env = { METADATA_SERVER_DETECTION: "none" };

/** Many of these tests wait for processes and sockets: more of them than cores keep two cores busy. */
const WORKERS = 4;

/**
 * unit: pure decisions and single files. contract: real clients against the stand-ins. browser: the same from a page.
 * e2e: the whole platform as a user starts it, one file at a time because each file owns the machine.
 */
export default defineConfig({
  test: {
    reporters: ["default", new SummaryReporter(process.env["BIFROST_REQUIRE"])],
    // What a test prints is shown only when it fails.
    silent: "passed-only",
    slowTestThreshold: 5_000,
    projects: [
      {
        test: {
          name: "unit",
          env,
          include: [
            "{shared,functions,gateway,sidecar,pack,cli,local,tools,workflows,scripts}/**/*.test.ts",
          ],
          exclude: ["**/node_modules/**", "**/*.contract.test.ts"],
          maxWorkers: WORKERS,
          testTimeout: 40_000,
        },
      },
      {
        test: {
          name: "contract",
          // Tests that say so spend their time waiting for processes.
          maxConcurrency: 12,
          env,
          include: [
            "{shared,functions,gateway,sidecar,pack,cli,local}/**/*.contract.test.ts",
            "test/contract/**/*.contract.test.ts",
          ],
          exclude: ["**/node_modules/**"],
          maxWorkers: WORKERS,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "browser",
          env,
          include: ["test/browser/**/*.test.ts"],
          // A browser keeps both cores busy by itself, and what it sees late says nothing about the server.
          sequence: { groupOrder: 1 },
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          env,
          include: ["test/e2e/**/*.e2e.ts"],
          fileParallelism: false,
          // After everything else: nothing competes with it for the machine.
          sequence: { groupOrder: 2 },
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
