/** The service accounts of the platform: one per function and service, none for anyone else. */
import { createHash } from "node:crypto";
import { BifrostError } from "@bifrost/shared/domain/errors";

/** Every account that production gets from Terraform. */
export const SERVICE_ACCOUNTS = [
  "api",
  "append-logs",
  "build",
  "builder",
  "collect-metrics",
  "deploy",
  "detect-anomalies",
  "eventarc",
  "evaluate-slos",
  "fail",
  "finish-build",
  "gateway",
  "github-webhook",
  "issue-principal",
  "notify",
  "observe",
  "price",
  "publish-events",
  "pubsub",
  "reap",
  "restore",
  "retry",
  "scheduler",
  "score-delivery",
  "start-build",
  "validate",
  "verify",
  "workflows",
] as const;

export interface ServiceAccount {
  readonly service: string;
  readonly email: string;
  /** Google's numeric id of the account; here derived from the e-mail, so it is stable. */
  readonly uniqueId: string;
}

export class Accounts {
  readonly #byName = new Map<string, ServiceAccount>();

  constructor(projectId: string, services: readonly string[]) {
    for (const service of services) {
      const email = `${service}@${projectId}.iam.gserviceaccount.com`;
      const account = { service, email, uniqueId: uniqueIdOf(email) };
      this.#byName.set(service, account).set(email, account);
    }
  }

  /** By service name or by e-mail. */
  find(nameOrEmail: string): ServiceAccount | undefined {
    return this.#byName.get(nameOrEmail);
  }

  /** @throws BifrostError `not-found` */
  get(nameOrEmail: string): ServiceAccount {
    const account = this.find(nameOrEmail);
    if (account !== undefined) return account;
    throw new BifrostError("not-found", `There is no service account ${nameOrEmail}.`, {
      account: nameOrEmail,
    });
  }

  get size(): number {
    return this.#byName.size / 2;
  }
}

function uniqueIdOf(email: string): string {
  const digits = BigInt(`0x${createHash("sha256").update(email).digest("hex")}`).toString();
  return `1${digits.slice(0, 20)}`;
}
