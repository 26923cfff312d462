import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CLUSTER_FILES } from "../testing/cluster-files.ts";
import { loadClusterFile } from "./load-cluster-file.ts";
import { MAX_FILE_BYTES } from "./read-cluster-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "cluster-file-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function written(content: string | Uint8Array): Promise<string> {
  const file = path.join(folder, "config.json");
  await writeFile(file, content);
  return file;
}

test("a file is read", async () => {
  const file = await written(CLUSTER_FILES.etcd);
  const { cluster } = await loadClusterFile({ file, storePassword: null });
  expect(cluster?.discoveries).toMatchObject([{ type: "etcd" }]);
});

test.each([
  ["is not UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "it is not UTF-8 text"],
  ["is too large", " ".repeat(MAX_FILE_BYTES + 1), "bytes, at most"],
])("a file that %s is refused by name", async (_, content, why) => {
  const file = await written(content);
  const refused = loadClusterFile({ file, storePassword: null });
  await expect(refused).rejects.toMatchObject({ code: "cluster-config-invalid" });
  await expect(refused).rejects.toThrow(`${file} cannot be read: `);
  await expect(refused).rejects.toThrow(why);
});

test("a file that is not there, and a folder in its place, are refused with what to do", async () => {
  const missing = loadClusterFile({ file: path.join(folder, "none"), storePassword: null });
  await expect(missing).rejects.toThrow("BIFROST_CONFIG must name a readable JSON file");
  await expect(loadClusterFile({ file: folder, storePassword: null })).rejects.toThrow("EISDIR");
});
