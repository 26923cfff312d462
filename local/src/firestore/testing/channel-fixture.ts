/** What the tests of WebChannel share: a server whose time is moved by hand, and messages of both directions. */
import type { VirtualTimers } from "../../workflows/testing/virtual-timers.ts";
import type { RunningFirestore } from "../index.ts";
import { fakeRules, ROOT, startTestFirestore } from "./firestore-fixture.ts";
import type { Numbered } from "./raw-channel.ts";

export const TOKEN_LIFE_MS = 600_000;

/** Ada may do anything that is not sealed. */
export function startChannelServer(timers: VirtualTimers): Promise<RunningFirestore> {
  return startTestFirestore({
    timers,
    rules: fakeRules(({ name, auth }) => auth?.uid === "ada" && !name.includes("/sealed/")),
    verifyIdToken: async (token) => {
      const uid = /^user-(.+)$/.exec(token)?.[1];
      if (uid === undefined) throw new Error("not a test token");
      return { uid, token: { sub: uid, exp: (timers.now() + TOKEN_LIFE_MS) / 1000 } };
    },
  });
}

export const database = ROOT.slice(0, -"/documents".length);

/** Asks to listen to one document. */
export function watching(path: string, targetId = 1): object {
  return {
    database,
    addTarget: { targetId, documents: { documents: [`${ROOT}/${path}`] } },
  };
}

/** What such a target is told first: ADD, the document or that there is none, CURRENT, and the snapshot as a whole. */
export const INITIAL = 4;

/** A commit of one document. */
export function setting(path: string, n: number): object {
  return {
    writes: [{ update: { name: `${ROOT}/${path}`, fields: { n: { integerValue: n } } } }],
  };
}

/** Commits past the rules. */
export async function commit({ port }: RunningFirestore, path: string, n: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/${ROOT}:commit`, {
    method: "POST",
    headers: { authorization: "Bearer owner" },
    body: JSON.stringify(setting(path, n)),
  });
  if (response.status !== 200) throw new Error(await response.text());
}

/** Values of `n` that document changes told. */
export function told(messages: readonly Numbered[]): number[] {
  return messages.flatMap(([, [message]]) => {
    const { documentChange } = message as {
      documentChange?: { document: { fields: { n: { integerValue: string } } } };
    };
    return documentChange === undefined
      ? []
      : [Number(documentChange.document.fields.n.integerValue)];
  });
}
