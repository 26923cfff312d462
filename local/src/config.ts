/** What `npm start` reads from its command line and environment. */
import path from "node:path";
import { parseArgs } from "node:util";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { DEFAULT_BASE_PORT } from "./addresses.ts";

export interface LocalConfig {
  /** Directory of everything that survives a restart. */
  readonly home: string;
  readonly basePort: number;
  readonly demo: boolean;
  readonly help: boolean;
  /** Seconds an app gets from running to its first passed health checks. */
  readonly healthTimeoutSeconds: number;
  /** Refuse weaker isolation than bwrap. */
  readonly requireBwrap: boolean;
  /** PATH of the user, handed to tool look-ups only. */
  readonly searchPath: string;
  readonly color: boolean;
}

export const USAGE = `Usage: npm start [-- options]

Runs the whole platform on this machine and sends a sample app through it.

  --no-demo        do not deploy the sample app
  --port <n>       first of fifteen ports, default ${DEFAULT_BASE_PORT}; apps answer on it
  --home <dir>     where data lies, default .bifrost in the checkout
  --help           this text

Example: npm start -- --no-demo --port 9080
`;

const LAST_BASE_PORT = 65_000;

/** Throws `bad-request` for an unknown option or a value that makes no sense. */
export function readLocalConfig(
  root: string,
  argv = process.argv.slice(2),
  environment = process.env,
): LocalConfig {
  const { values } = parse(argv);
  const home = values.home ?? environment["BIFROST_HOME"] ?? path.join(root, ".bifrost");
  return {
    home: path.resolve(home),
    basePort: readBasePort(values.port ?? environment["BIFROST_PORT"]),
    demo: values["no-demo"] !== true,
    help: values.help === true,
    healthTimeoutSeconds: Number(environment["BIFROST_HEALTH_TIMEOUT_SECONDS"] ?? 60),
    requireBwrap: environment["BIFROST_REQUIRE"]?.split(",").includes("bwrap") === true,
    searchPath: environment["PATH"] ?? "/usr/bin:/bin",
    color: environment["NO_COLOR"] === undefined && process.stdout.isTTY,
  };
}

function readBasePort(text: string | undefined): number {
  const port = text === undefined ? DEFAULT_BASE_PORT : Number(text);
  if (Number.isInteger(port) && port >= 1024 && port <= LAST_BASE_PORT) return port;
  throw new BifrostError(
    "bad-request",
    `--port must be a number from 1024 to ${LAST_BASE_PORT}, found ${text}`,
  );
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        "no-demo": { type: "boolean" },
        port: { type: "string" },
        home: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new BifrostError(
      "bad-request",
      `${(error as Error).message.split(". ")[0]}; npm start -- --help shows all`,
    );
  }
}
