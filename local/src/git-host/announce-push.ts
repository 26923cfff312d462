/**
 * Turns ref changes into webhooks. The refs already announced are kept beside each repository, so a push
 * that landed just before a crash is announced at the next start.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { isMissing, writeDurably } from "../artifact-registry/durable-file.ts";
import { changedRefs, pushEvent } from "./push-event.ts";
import { readRefs, settleDefaultBranch } from "./repositories.ts";
import type { DeliveryResult, WebhookOutbox } from "./webhook-outbox.ts";

const announced = v.object({ count: v.number(), refs: v.record(v.string(), v.string()) });

export interface Announcement {
  readonly dir: string;
  readonly repository: string;
  readonly cloneUrl: string;
  readonly pusher: string;
}

/** Delivers a `push` webhook for each ref that changed since the last call, in order. */
export async function announcePush(
  outbox: WebhookOutbox,
  push: Announcement,
): Promise<DeliveryResult[]> {
  const path = join(push.dir, "announced.json");
  const before = await readAnnounced(path);
  const refs = await readRefs(push.dir);
  const defaultBranch = await settleDefaultBranch(push.dir, refs);
  let { count } = before;
  const kept: string[] = [];
  for (const change of changedRefs(new Map(Object.entries(before.refs)), refs)) {
    const body = JSON.stringify(await pushEvent({ ...push, defaultBranch }, change));
    const id = deliveryId(`${push.repository} ${count++} ${change.ref} ${change.after}`);
    kept.push(await outbox.keep({ id, event: "push", body }));
  }
  if (kept.length === 0) return [];
  await writeDurably(path, JSON.stringify({ count, refs: Object.fromEntries(refs) }));
  const results: DeliveryResult[] = [];
  for (const name of kept) results.push(await outbox.send(name));
  return results;
}

/** The same change announced again after a crash has the same id, so the receiver can drop it. */
function deliveryId(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
}

async function readAnnounced(path: string): Promise<v.InferOutput<typeof announced>> {
  try {
    return v.parse(announced, JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    if (isMissing(error)) return { count: 0, refs: {} };
    throw error;
  }
}
