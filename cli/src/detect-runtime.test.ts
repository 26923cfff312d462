import { parseAppConfig } from "@bifrost/shared/app-config/parse";
import { describe, expect, it } from "vitest";
import { detectRuntime, firstDeployToml } from "./detect-runtime.ts";

const detect = (...files: readonly string[]) => detectRuntime((name) => files.includes(name));

describe("detectRuntime", () => {
  it.each([
    [["Dockerfile", "package.json"], "docker"],
    [["package.json", "index.html"], "node"],
    [["go.mod"], "go"],
    [["requirements.txt"], "python"],
    [["main.py"], "python"],
    [["Cargo.toml"], "rust"],
    [["mix.exs"], "elixir"],
    [["build.zig"], "zig"],
    [["dune-project"], "ocaml"],
    [["server.js"], "node"],
    [["index.html"], "static"],
    [["public/index.html"], "static"],
  ] as const)("takes %j for %s", (files, runtime) => {
    expect(detect(...files)?.runtime).toBe(runtime);
  });

  it("takes nothing for granted in a folder without a sign", () => {
    expect(detect("README.md", "notes.txt")).toBeNull();
  });

  it("starts the script it found when there is no package.json", () => {
    expect(detect("server.js")).toMatchObject({ command: "node server.js" });
    expect(detect("server.js", "package.json")).not.toHaveProperty("command");
  });
});

describe("the first deploy.toml", () => {
  const signs = [
    "package.json",
    "go.mod",
    "main.py",
    "server.js",
    "index.html",
    "public/index.html",
  ];

  it.each(signs)("written for %s passes the check that the platform makes", (file) => {
    const detected = detect(file);
    if (detected === null) throw new Error(file);
    const parsed = parseAppConfig(firstDeployToml("My App", detected));
    expect(parsed).toMatchObject({ ok: true, config: { app: { name: "my-app" } } });
  });

  it.each(["123", "...", "日本"])("has a usable name in the folder %j", (folder) => {
    const detected = detect("server.js");
    if (detected === null) throw new Error("not detected");
    expect(parseAppConfig(firstDeployToml(folder, detected)).ok).toBe(true);
  });
});
