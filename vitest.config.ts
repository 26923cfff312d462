import { defineConfig } from "vitest/config";

/**
 * unit: pure decisions and single files. contract: real clients against the stand-ins.
 * e2e: the whole platform as a user starts it, one file at a time because each file owns the machine.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "{shared,functions,gateway,sidecar,pack,cli,local,tools,workflows,scripts}/**/*.test.ts",
          ],
          exclude: ["**/node_modules/**", "**/*.contract.test.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "contract",
          include: ["{shared,functions,gateway,pack,cli,local}/**/*.contract.test.ts"],
          exclude: ["**/node_modules/**"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.e2e.ts"],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
