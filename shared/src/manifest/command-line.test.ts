import { describe, expect, it } from "vitest";
import { commandLine } from "./command-line.ts";

describe("a start command", () => {
  it.each([
    ["npm start", ["npm", "start"]],
    ["  ./app   --port=8080 ", ["./app", "--port=8080"]],
    ["bin/app start", ["bin/app", "start"]],
  ])("of plain words starts the program itself: %s", (command, expected) => {
    expect(commandLine(command)).toEqual(expected);
  });

  it.each([
    "cd web && npm start",
    "NODE_ENV=production node server.js",
    "exec ./app",
    'node -e "x"',
    "./app > /tmp/log",
    "./app $PORT",
    "ls *.js",
    "a\nb",
  ])("with anything only a shell understands goes through a shell: %s", (command) => {
    expect(commandLine(command)).toEqual(["/bin/sh", "-c", command]);
  });
});
