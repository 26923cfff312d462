import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { readClusterFile } from "@bifrost/gateway/cluster-config/read-cluster-file";
import { describe, expect, test } from "vitest";
import { ROOT } from "./generate.ts";

const PROMISES = 228;

const DOCUMENTS = [
  ...readdirSync(ROOT).filter((name) => name.endsWith(".md")),
  ...readdirSync(path.join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => path.join("docs", name)),
];

const read = (file: string): string => readFileSync(path.join(ROOT, file), "utf8");

/** As GitHub makes them: lower case, without punctuation, hyphens for blanks. */
function anchorsOf(file: string): readonly string[] {
  return [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );
}

function isBroken(from: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return false;
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? from : path.join(path.dirname(from), file);
  if (!existsSync(path.join(ROOT, target))) return true;
  return anchor !== undefined && !anchorsOf(target).includes(anchor);
}

test.each(DOCUMENTS)("every link in %s leads somewhere", (file) => {
  const links = [...read(file).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
  expect(links.filter((link) => isBroken(file, link))).toEqual([]);
});

describe("docs/promises.md", () => {
  const rows = [...read("docs/promises.md").matchAll(/^\| (\d+) \| (.+) \|$/gm)];

  test("has every promise once, in order", () => {
    const all = Array.from({ length: PROMISES }, (_, index) => index + 1);
    expect(rows.map(([, number]) => Number(number))).toEqual(all);
  });

  test("names only files that exist, and something for whatever is kept", () => {
    const named = rows.flatMap(
      ([, , cells = ""]) => cells.match(/(?<=`)[\w.-]+\/[\w./-]*(?=`)/g) ?? [],
    );
    expect(named.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([]);
    const bare = rows.filter(([row]) => row.includes("| kept |  |"));
    expect(bare.map(([row]) => row)).toEqual([]);
  });
});

test("every path that the API serves is in docs/api.md", () => {
  const documented = read("docs/api.md");
  const routers = ["service.ts", "projects.ts", "deployments.ts", "routes.ts", "domains.ts"];
  const code = routers.map((file) => read(path.join("functions/src/api", file))).join("\n");
  const served = [...code.matchAll(/\bapp\.(get|post|put|patch|delete)\("([^"]+)"/g)];
  expect(served.length).toBeGreaterThan(10);
  const missing = served
    .map(([, , route = ""]) => route.replaceAll(/:(\w+)/g, "{$1}").replace(/^\/$/, ""))
    .filter((route) => !documented.includes(`${route}\``) && !documented.includes(`${route}?`));
  expect(missing).toEqual([]);
});

test("README.md has the sections it promises, in order", () => {
  const sections = [...read("README.md").matchAll(/^## (.+)$/gm)].map(([, title]) => title);
  expect(sections).toEqual([
    "Introduction",
    "Architecture",
    "How It Works",
    "Services",
    "Project Structure",
    "GCP Infrastructure",
    "Development",
    "Running",
    "User Configuration",
    "License",
  ]);
});

test("every npm command that the documents name exists, and so do the files behind it", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  // Commands in docs/deploy-toml.md are those of the apps.
  const documents = DOCUMENTS.filter((file) => file !== "docs/deploy-toml.md");
  const texts = [...documents, "Makefile", ".ci/run"].map(read).join("\n");
  const named = [...texts.matchAll(/\bnpm (start|test|run [a-z]+)\b/g)];
  const names = named.map(([, words = ""]) => words.replace("run ", ""));
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name) => !(name in scripts))).toEqual([]);
  const files = Object.values(scripts).flatMap(
    (script) => script.match(/\S+\.(?:mjs|ts)\b/g) ?? [],
  );
  expect(files.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([]);
});

test("every variable that a config.ts reads is in docs/configuration.md", () => {
  const documented = read("docs/configuration.md");
  const programs = ["cli/src", "functions/src", "gateway/src", "local/src", "pack/src"];
  const sources = programs.map((folder) => read(path.join(folder, "config.ts"))).join("\n");
  const names = sources.match(/\b(?:BIFROST|PACK|BUILDER)_[A-Z_]+\b/g) ?? [];
  expect(names.length).toBeGreaterThan(40);
  expect([...new Set(names)].filter((name) => !documented.includes(`\`${name}\``))).toEqual([]);
});

test("every sample in docs/cluster-config.md is accepted", () => {
  const samples = [...read("docs/cluster-config.md").matchAll(/^```json\n(.*?)^```$/gms)];
  expect(samples.length).toBeGreaterThan(0);
  for (const [, text = ""] of samples) {
    const file = readClusterFile(text, { file: "docs/cluster-config.md", storePassword: null });
    expect(file.cluster).not.toBeNull();
  }
});
