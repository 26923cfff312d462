/** The signing key of each service account, made when it first signs, and custom tokens signed with it. */
import { join } from "node:path";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Clock } from "@bifrost/shared/domain/time";
import type { Accounts, ServiceAccount } from "./accounts.ts";
import { verifyRs256 } from "./rs256.ts";
import type { Claims } from "./rs256.ts";
import { loadSigningKey } from "./signing-key.ts";
import type { SigningKey } from "./signing-key.ts";

/** Audience of every Firebase custom token. */
export const CUSTOM_TOKEN_AUDIENCE =
  "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit";

export interface CustomToken {
  readonly uid: string;
  readonly claims: Claims;
  /** E-mail of the account that signed it. */
  readonly signedBy: string;
}

export interface AccountKeyOptions {
  readonly dataDir: string | undefined;
  readonly accounts: Accounts;
  /** Accounts that may sign; the counterpart of the token creator role on itself. */
  readonly signers: readonly string[];
  readonly clock: Clock;
}

export class AccountKeys {
  readonly #options: AccountKeyOptions;
  readonly #keys = new Map<string, Promise<SigningKey>>();

  constructor(options: AccountKeyOptions) {
    this.#options = options;
  }

  maySign(account: ServiceAccount): boolean {
    return this.#options.signers.includes(account.service);
  }

  keyOf(account: ServiceAccount): Promise<SigningKey> {
    const { dataDir } = this.#options;
    const known = this.#keys.get(account.email);
    if (known !== undefined) return known;
    const path = dataDir === undefined ? undefined : join(dataDir, `${account.service}.pem`);
    const key = loadSigningKey(path);
    this.#keys.set(account.email, key);
    return key;
  }

  /**
   * Accepts what an account with signing rights signed as itself.
   * @throws BifrostError `unauthenticated`
   */
  async verifyCustomToken(token: string): Promise<CustomToken> {
    const signer = this.#options.accounts.find(unverifiedIssuer(token));
    if (signer === undefined || !this.maySign(signer)) {
      throw new BifrostError("unauthenticated", "The custom token's issuer may not sign tokens.");
    }
    const key = await this.keyOf(signer);
    const payload = verifyRs256(token, {
      keyOf: (keyId) => (keyId === key.keyId ? key.publicKey : undefined),
      audience: CUSTOM_TOKEN_AUDIENCE,
      issuer: signer.email,
      nowMs: this.#options.clock.now(),
    });
    const { uid, sub, claims = {} } = payload;
    if (sub !== signer.email || typeof uid !== "string" || uid === "" || uid.length > 128) {
      throw new BifrostError("unauthenticated", "The custom token's sub or uid is not valid.");
    }
    if (typeof claims !== "object" || claims === null || Array.isArray(claims)) {
      throw new BifrostError("unauthenticated", "The custom token's claims are not an object.");
    }
    return { uid, claims: claims as Claims, signedBy: signer.email };
  }
}

function unverifiedIssuer(token: string): string {
  try {
    const payload = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
    return String((JSON.parse(payload) as Claims)["iss"]);
  } catch {
    return "";
  }
}
