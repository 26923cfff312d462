import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { KubeObject } from "../objects/object.ts";
import { Journal } from "./journal.ts";

const dir = mkdtempSync(join(tmpdir(), "journal-test-"));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function object(uid: string, value: string): KubeObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: uid, uid }, data: { value } };
}

describe("the journal", () => {
  it("gives back what lives after a torn tail, and takes new lines after it", () => {
    const first = new Journal(dir);
    first.put(2, object("a", "1"));
    first.put(3, object("b", "1"));
    first.put(4, object("a", "2"));
    first.remove(5, object("b", "1"));
    appendFileSync(join(dir, "objects.jsonl"), '{"v":6,"put":{"apiV');
    const second = new Journal(dir);
    expect(second.load()).toEqual([object("a", "2")]);
    expect(second.lastVersion).toBe(5);
    second.put(6, object("c", "1"));
    expect(new Journal(dir).load()).toEqual([object("a", "2"), object("c", "1")]);
  });
});
