/** What the CLI needs to find and enter this platform, and a shim that runs it from any folder. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { keysFileOf } from "./assemble/cluster-files.ts";
import { addressOf, type AssemblyContext, REPOSITORY_OWNER } from "./assemble/context.ts";
import { writePrivate } from "./secrets.ts";

export function credentialsPath(home: string): string {
  return path.join(home, "credentials.json");
}

export function shimPath(home: string): string {
  return path.join(home, "bin", "bifrost");
}

export function writeCredentials(context: AssemblyContext): void {
  const { home } = context.config;
  writePrivate(credentialsPath(home), {
    apiUrl: `${addressOf(context, "functions")}/api/v1`,
    apiKey: context.secrets.apiKey,
    git: {
      url: addressOf(context, "git"),
      owner: REPOSITORY_OWNER,
      user: "bifrost",
      password: context.secrets.apiKey,
    },
    cluster: {
      controls: context.gateways.map(({ control }) => `http://127.0.0.1:${control}`),
      token: context.secrets.controlToken,
      ...(context.gateways.length > 1 ? { keysFile: keysFileOf(context) } : {}),
    },
  });
  mkdirSync(path.join(home, "bin"), { recursive: true });
  const script = [
    "#!/bin/sh",
    "# Runs the Bifrost command line of this checkout, signed in to its local platform.",
    `BIFROST_CREDENTIALS="\${BIFROST_CREDENTIALS:-${credentialsPath(home)}}" exec "${process.execPath}" "${path.join(context.root, "dist", "cli.mjs")}" "$@"`,
    "",
  ].join("\n");
  writeFileSync(shimPath(home), script);
  chmodSync(shimPath(home), 0o755);
}
