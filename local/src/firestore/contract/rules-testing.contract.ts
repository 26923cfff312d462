/** What @firebase/rules-unit-testing may rely on: rules loaded at run time, users by unsigned token. */
import {
  assertFails,
  assertSucceeds,
  initializeTestEnvironment,
  type RulesTestEnvironment,
} from "@firebase/rules-unit-testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshCollection, isForeign, PROJECT, targetAddress } from "./emulator-target.ts";

const base = freshCollection();
const OPEN = `match /{document=**} { allow read, write: if true; }`;
const OWN = `match /contract/{run}/items/{id} {
  allow read, write: if request.auth != null && request.auth.uid == id && request.auth.token.get('role', '') == 'editor';
}`;

function rulesWith(body: string): string {
  return `rules_version = '2';
service cloud.firestore { match /databases/{database}/documents { ${body} } }`;
}

async function load(body: string): Promise<RulesTestEnvironment> {
  const firestore = { ...targetAddress(), rules: rulesWith(body) };
  return await initializeTestEnvironment({ projectId: PROJECT, firestore });
}

export function rulesTestingContract(): void {
  describe("rules-unit-testing", () => {
    let environment: RulesTestEnvironment;
    beforeAll(async () => {
      environment = await load(OWN);
    });
    afterAll(async () => {
      await environment.cleanup();
      await (await load(OPEN)).cleanup();
    });

    test("the token's uid and claims decide", async () => {
      const editor = environment.authenticatedContext("ada", { role: "editor" }).firestore();
      await assertSucceeds(editor.doc(`${base}/ada`).set({ n: 1 }));
      await assertFails(editor.doc(`${base}/bob`).set({ n: 1 }));
      await assertFails(editor.collection(base).get());
      const reader = environment.authenticatedContext("ada").firestore();
      await assertFails(reader.doc(`${base}/ada`).get());
      await assertFails(environment.unauthenticatedContext().firestore().doc(`${base}/ada`).get());
    });

    test("without rules everything is allowed", async () => {
      let data: unknown;
      await environment.withSecurityRulesDisabled(async (context) => {
        await context.firestore().doc(`${base}/bob`).set({ n: 2 });
        data = (await context.firestore().doc(`${base}/bob`).get()).data();
      });
      expect(data).toEqual({ n: 2 });
    });

    test("rules that do not compile are refused, and the old ones stay", async () => {
      await expect(load("match /a/{b} { allow read: if (; }")).rejects.toThrow(/line 2/);
      const editor = environment.authenticatedContext("ada", { role: "editor" }).firestore();
      await assertFails(editor.doc(`${base}/bob`).get());
    });

    // It would empty a server that others may be using.
    test.skipIf(isForeign)("clearFirestore leaves nothing", async () => {
      await environment.clearFirestore();
      await environment.withSecurityRulesDisabled(async (context) => {
        expect((await context.firestore().collection(base).get()).size).toBe(0);
      });
    });

    // Google's emulator makes a database for every project it is asked for; ours holds one.
    test.skipIf(isForeign)("another project is refused by name", async () => {
      const firestore = { ...targetAddress(), rules: rulesWith(OPEN) };
      await expect(
        initializeTestEnvironment({ projectId: "demo-other", firestore }),
      ).rejects.toThrow(/one database, of the project demo-bifrost/);
    });
  });
}
