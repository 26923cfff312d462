/** The control API of one gateway; every answer is checked against the shared contract. */
import { ClusterStatusSchema, type ClusterStatus } from "@bifrost/shared/api/cluster";
import { BifrostError, isBifrostError } from "@bifrost/shared/domain/errors";
import * as v from "valibot";
import { refusal } from "../refusal.ts";

const REQUEST_TIMEOUT_MS = 5_000;
/** Long enough for every node of a cluster to acknowledge a key. */
const KEY_TIMEOUT_MS = 60_000;

export interface KeyStep {
  readonly step: "install" | "use" | "remove";
  readonly id: number;
  /** Base64 of 32 bytes, to install it. */
  readonly key?: string;
}

export class ControlClient {
  /** `http://127.0.0.1:9090`. */
  readonly address: string;
  readonly #token: string | null;

  constructor(address: string, token: string | null) {
    this.address = address;
    this.#token = token;
  }

  /** Without a token, or with a wrong one, it comes without details. */
  async status(): Promise<ClusterStatus> {
    const response = await this.#fetch("GET", "/cluster/status", REQUEST_TIMEOUT_MS);
    const parsed = v.safeParse(ClusterStatusSchema, await response.json().catch(() => null));
    if (parsed.success) return parsed.output;
    throw new BifrostError(
      "upstream-refused",
      `what ${this.address} answers is no cluster status; name the control port of a gateway (9090 unless set otherwise), not the one for traffic, and use the command line of the same version`,
    );
  }

  async changeKeys(step: KeyStep): Promise<void> {
    const response = await this.#fetch("POST", "/cluster/keys", KEY_TIMEOUT_MS, step);
    await response.body?.cancel();
  }

  async #fetch(method: string, path: string, timeoutMs: number, body?: object): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.address}${path}`, {
        method,
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          "content-type": "application/json",
          ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch {
      throw new BifrostError(
        "upstream-unavailable",
        `no answer from ${this.address}; is a gateway running, and is this its control port?`,
      );
    }
    if (response.ok) return response;
    const error = await refusal(response);
    if (!isBifrostError(error, "unauthenticated")) throw error;
    throw tokenNeeded(this.address);
  }
}

export function tokenNeeded(gateway: string): BifrostError {
  return new BifrostError(
    "unauthenticated",
    `${gateway} shows its members and takes orders with its control token only: set BIFROST_CONTROL_TOKEN to the gateway's own, or name a file with --token-file`,
  );
}
