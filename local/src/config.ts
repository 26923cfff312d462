/** What `npm start` reads from its command line and environment. */
import path from "node:path";
import { parseArgs } from "node:util";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { DEFAULT_BASE_PORT } from "./addresses.ts";
import { LAST_BASE_PORT_OF_CLUSTER, MOST_GATEWAYS } from "./gateways.ts";

export interface LocalConfig {
  /** Directory of everything that survives a restart. */
  readonly home: string;
  readonly basePort: number;
  /** More than one form a cluster. */
  readonly gateways: number;
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
  --gateways <n>   gateways, default 1; up to ${MOST_GATEWAYS} form a cluster, with three more ports each
  --home <dir>     where data lies, default .bifrost in the checkout
  --help           this text

Example: npm start -- --no-demo --port 9080
`;

const LAST_BASE_PORT = 65_000;
const ONE_DIGIT = /^\d$/;

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
    ...readPorts(values.port ?? environment["BIFROST_PORT"], values.gateways),
    demo: values["no-demo"] !== true,
    help: values.help === true,
    healthTimeoutSeconds: Number(environment["BIFROST_HEALTH_TIMEOUT_SECONDS"] ?? 60),
    requireBwrap: environment["BIFROST_REQUIRE"]?.split(",").includes("bwrap") === true,
    searchPath: environment["PATH"] ?? "/usr/bin:/bin",
    color: environment["NO_COLOR"] === undefined && process.stdout.isTTY,
  };
}

function readPorts(
  port: string | undefined,
  count: string | undefined,
): Pick<LocalConfig, "basePort" | "gateways"> {
  const gateways = readGateways(count);
  const last = gateways > 1 ? LAST_BASE_PORT_OF_CLUSTER : LAST_BASE_PORT;
  const basePort = port === undefined ? DEFAULT_BASE_PORT : Number(port);
  if (Number.isInteger(basePort) && basePort >= 1024 && basePort <= last) {
    return { basePort, gateways };
  }
  throw new BifrostError(
    "bad-request",
    `--port must be a number from 1024 to ${last}, found ${port}`,
  );
}

function readGateways(text: string | undefined): number {
  const count = text === undefined ? 1 : Number(text);
  if (count >= 1 && count <= MOST_GATEWAYS && (text === undefined || ONE_DIGIT.test(text))) {
    return count;
  }
  throw new BifrostError(
    "bad-request",
    `--gateways must be a number from 1 to ${MOST_GATEWAYS}, found ${JSON.stringify(text)}`,
  );
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        "no-demo": { type: "boolean" },
        port: { type: "string" },
        gateways: { type: "string" },
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
