/** What the command line reads from its environment and from the credentials file. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { BifrostError } from "@bifrost/shared/domain/errors";
import * as v from "valibot";

const credentialsSchema = v.object({
  apiUrl: v.pipe(v.string(), v.url()),
  apiKey: v.pipe(v.string(), v.minLength(1)),
  /** Absent where code is pushed to GitHub instead of the platform's own git host. */
  git: v.optional(
    v.object({
      url: v.pipe(v.string(), v.url()),
      owner: v.string(),
      user: v.string(),
      password: v.string(),
    }),
  ),
  /** Of the platform on this machine: how its gateways are asked about their cluster. */
  cluster: v.optional(
    v.object({
      controls: v.array(v.pipe(v.string(), v.url())),
      token: v.string(),
      /** What its gateways read BIFROST_GOSSIP_KEYS from; absent = there is one gateway, and no cluster. */
      keysFile: v.optional(v.string()),
    }),
  ),
});
export type Credentials = v.InferOutput<typeof credentialsSchema>;
export type ClusterAccess = NonNullable<Credentials["cluster"]>;

export interface CliEnvironment {
  readonly credentialsFile: string;
  /** Set together, they stand for a credentials file. */
  readonly apiUrl: string | undefined;
  readonly apiKey: string | undefined;
  /** Addresses of control APIs, separated by commas. */
  readonly controlUrl: string | undefined;
  readonly controlToken: string | undefined;
  readonly color: boolean;
  readonly interactive: boolean;
  /** Handed to git, which needs PATH, HOME and its own variables. */
  readonly forChildren: NodeJS.ProcessEnv;
}

export function readEnvironment(environment = process.env): CliEnvironment {
  const forced = environment["FORCE_COLOR"] !== undefined;
  return {
    credentialsFile:
      environment["BIFROST_CREDENTIALS"] ??
      path.join(homedir(), ".config", "bifrost", "credentials.json"),
    apiUrl: environment["BIFROST_API_URL"],
    apiKey: environment["BIFROST_API_KEY"],
    controlUrl: environment["BIFROST_CONTROL_URL"],
    controlToken: environment["BIFROST_CONTROL_TOKEN"],
    color: environment["NO_COLOR"] === undefined && (forced || process.stdout.isTTY),
    interactive: process.stdin.isTTY && process.stdout.isTTY,
    forChildren: environment,
  };
}

/** Throws `unauthenticated` when there is no usable credential. */
export function readCredentials(environment: CliEnvironment): Credentials {
  if (environment.apiUrl !== undefined && environment.apiKey !== undefined) {
    return { apiUrl: environment.apiUrl.replace(/\/$/, ""), apiKey: environment.apiKey };
  }
  let text: string;
  try {
    text = readFileSync(environment.credentialsFile, "utf8");
  } catch {
    throw new BifrostError(
      "unauthenticated",
      "not signed in: start the platform with `npm start` and use the command line it prints, or set BIFROST_API_URL and BIFROST_API_KEY",
      { file: environment.credentialsFile },
    );
  }
  const parsed = v.safeParse(credentialsSchema, parseJson(text));
  if (parsed.success) return parsed.output;
  throw new BifrostError(
    "unauthenticated",
    `${environment.credentialsFile} is no credentials file; start the platform again`,
  );
}

/** null = there is no credentials file, or it says nothing of gateways: then they are named otherwise. */
export function readClusterAccess(environment: CliEnvironment): ClusterAccess | null {
  let text: string;
  try {
    text = readFileSync(environment.credentialsFile, "utf8");
  } catch {
    return null;
  }
  const parsed = v.safeParse(credentialsSchema, parseJson(text));
  return parsed.success ? (parsed.output.cluster ?? null) : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
