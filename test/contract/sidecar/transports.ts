/** The two ways to report, each with what a collector may do instead of taking a report. */
import type { RunningGateway } from "../../../gateway/src/gateway.ts";
import type { Changes } from "./running-sidecar.ts";
import { answer, hang, type Manners, reset } from "./servers.ts";

export interface Transport {
  readonly name: string;
  readonly changes: Changes;
  portOf(gateway: RunningGateway): number;
  /** What the sidecar tells of a token that is refused. */
  readonly refusal: string;
  readonly rudeness: readonly (readonly [what: string, manners: Manners])[];
}

const RUDE_TO_ALL = [
  ["hangs", hang],
  ["resets", reset],
  ["ends without a word", answer("")],
  ["answers garbage", answer("\0\u0001garbage\r\n\r\n")],
] as const;

const CHUNKS = "4\r\naway\r\n0\r\n\r\n";
const NO_BODY = { keepOpen: true } as const;

/** HTTP/2: the server's first settings, empty. */
const SETTINGS = "\0\0\0\u0004\0\0\0\0\0";
/** A goodbye to the client, of an error of its own. */
const GOAWAY = "\0\0\u0008\u0007\0\0\0\0\0\0\0\0\0\0\0\0\u0002";
/** Announces a frame of a megabyte, longer than is allowed. */
const HUGE_FRAME = "\u0010\0\0\0\0\0\0\0\u0001";

export const TRANSPORTS: readonly Transport[] = [
  {
    name: "NDJSON",
    changes: {},
    portOf: ({ controlPort }) => controlPort,
    refusal: "the collector answers 401",
    rudeness: [
      ...RUDE_TO_ALL,
      ["answers half a head", answer("HTTP/1.1 20")],
      [
        "fails in chunks",
        answer(`HTTP/1.1 503 Away\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}`, NO_BODY),
      ],
      ["promises more than it sends", answer("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok")],
      [
        "refuses the token",
        answer("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", NO_BODY),
      ],
    ],
  },
  {
    name: "gRPC",
    changes: { COLLECTOR_PROTOCOL: "grpc" },
    portOf: ({ telemetryGrpcPort }) => telemetryGrpcPort,
    refusal: "the collector answers grpc-status 16",
    rudeness: [
      ...RUDE_TO_ALL,
      ["speaks HTTP/1.1", answer("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")],
      ["says goodbye", answer(SETTINGS + GOAWAY, NO_BODY)],
      ["announces a frame that is too long", answer(SETTINGS + HUGE_FRAME, NO_BODY)],
    ],
  },
];
