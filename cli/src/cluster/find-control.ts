/** Which gateways a `bifrost cluster` command asks, and with which token. */
import { readFileSync } from "node:fs";
import { BifrostError, isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import { readClusterAccess, type CliEnvironment, type ClusterAccess } from "../config.ts";
import { ControlClient } from "./control-client.ts";

export const CONTROL_OPTIONS = [
  [
    "--control <addresses>",
    "control APIs to ask, separated by commas; the first that answers counts",
  ],
  ["--token-file <file>", "file with the control token; default: BIFROST_CONTROL_TOKEN"],
] as const;

export interface Control {
  readonly clients: readonly ControlClient[];
  /** For gateways that were not named. */
  readonly clientAt: (address: string) => ControlClient;
  /** What the platform on this machine says beside addresses and token. */
  readonly access: ClusterAccess | null;
}

/** Flags come before variables, variables before what `npm start` has written. */
export function findControl(
  environment: CliEnvironment,
  options: Readonly<Record<string, unknown>>,
): Control {
  const { control, tokenFile } = options;
  const named = typeof control === "string" ? control : environment.controlUrl;
  const access = named === undefined ? readClusterAccess(environment) : null;
  const addresses = named?.split(",").map((one) => one.trim()) ?? access?.controls ?? [];
  if (addresses.length === 0) {
    throw new BifrostError(
      "bad-request",
      "which gateway? Name the address of its control API with --control or BIFROST_CONTROL_URL, such as http://127.0.0.1:9090, or start the platform with `npm start`",
    );
  }
  const token =
    (typeof tokenFile === "string" ? readToken(tokenFile) : environment.controlToken) ??
    access?.token ??
    null;
  const clientAt = (address: string) => new ControlClient(originOf(address), token);
  return { clients: addresses.map(clientAt), clientAt, access };
}

/** `host:port` will do. */
function originOf(address: string): string {
  const url = /^https?:\/\//.test(address) ? address : `http://${address}`;
  if (URL.canParse(url)) return new URL(url).origin;
  throw new BifrostError(
    "bad-request",
    `--control must be an address such as http://127.0.0.1:9090, found ${JSON.stringify(address)}`,
  );
}

function readToken(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new BifrostError("bad-request", `--token-file is not read: ${messageOf(error)}`);
  }
}

/** The first gateway that answers, a refusal included; throws what the first one is lacking when none does. */
export async function firstAnswer<T>(
  clients: readonly ControlClient[],
  ask: (client: ControlClient) => Promise<T>,
): Promise<T> {
  let first: unknown;
  for (const client of clients) {
    try {
      return await ask(client);
    } catch (error) {
      if (!isBifrostError(error, "upstream-unavailable")) throw error;
      first ??= error;
    }
  }
  throw first;
}
