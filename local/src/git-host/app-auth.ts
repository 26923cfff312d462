/** GitHub App credentials: signed app JWTs come in, installation tokens go out. */
import { createHmac, randomBytes, timingSafeEqual, verify } from "node:crypto";
import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { isMissing, writeDurably } from "../artifact-registry/durable-file.ts";
import { HttpError } from "./http-error.ts";

const TOKEN_LIFE_MS = 3_600_000;
const MAX_JWT_LIFE_SECONDS = 600;
const SKEW_SECONDS = 60;
const joseHeader = v.object({ alg: v.literal("RS256") });
const claims = v.object({
  iss: v.union([v.string(), v.number()]),
  iat: v.number(),
  exp: v.number(),
});

export interface AppIdentity {
  readonly appId: string;
  readonly publicKeyPem: string;
}

export class AppAuth {
  readonly #app: AppIdentity;
  readonly #secret: Buffer;
  readonly #now: () => number;

  private constructor(app: AppIdentity, secret: Buffer, now: () => number) {
    this.#app = app;
    this.#secret = secret;
    this.#now = now;
  }

  /** The signing secret stays on disk so that tokens outlive a restart. */
  static async open(secretPath: string, app: AppIdentity, now: () => number): Promise<AppAuth> {
    const stored = await readFile(secretPath, "utf8").catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    const secret = stored ?? randomBytes(32).toString("hex");
    if (stored === undefined) await writeDurably(secretPath, secret);
    return new AppAuth(app, Buffer.from(secret, "hex"), now);
  }

  /** Throws 401 unless the header carries a JWT of this app that is valid now. */
  requireApp(authorization: string | undefined): void {
    const [head, body, signature] = (bearer(authorization) ?? "").split(".");
    try {
      v.parse(joseHeader, decode(head));
      const { iss, iat, exp } = v.parse(claims, decode(body));
      const now = this.#now() / 1000;
      const isCurrent = iat <= now + SKEW_SECONDS && exp > now - SKEW_SECONDS;
      const isShort = exp - iat <= MAX_JWT_LIFE_SECONDS + SKEW_SECONDS;
      const signed = Buffer.from(`${head}.${body}`);
      const bytes = Buffer.from(signature ?? "", "base64url");
      const isOurs =
        String(iss) === this.#app.appId && verify("sha256", signed, this.#app.publicKeyPem, bytes);
      if (isCurrent && isShort && isOurs) return;
    } catch {
      // Malformed is refused like wrong.
    }
    throw new HttpError(401, "A JSON web token could not be decoded or is not valid now");
  }

  issueToken(): { token: string; expires_at: string } {
    const expires = this.#now() + TOKEN_LIFE_MS;
    const text = expires.toString(36);
    return {
      token: `ghs_${text}_${this.#sign(text).toString("hex")}`,
      expires_at: new Date(expires).toISOString(),
    };
  }

  isInstallationToken(token: string): boolean {
    const [, text = "", signature = ""] = /^ghs_([0-9a-z]{1,12})_([0-9a-f]{64})$/.exec(token) ?? [];
    if (text === "") return false;
    const matches = timingSafeEqual(this.#sign(text), Buffer.from(signature, "hex"));
    return matches && Number.parseInt(text, 36) > this.#now();
  }

  /** Throws 401 unless the header carries a current installation token. */
  requireInstallation(authorization: string | undefined): void {
    if (this.isInstallationToken(bearer(authorization) ?? "")) return;
    throw new HttpError(401, "Bad credentials");
  }

  #sign(text: string): Buffer {
    return createHmac("sha256", this.#secret).update(text).digest();
  }
}

function bearer(header: string | undefined): string | undefined {
  return /^(?:bearer|token) (\S+)$/i.exec(header ?? "")?.[1];
}

function decode(part: string | undefined): unknown {
  return JSON.parse(Buffer.from(part ?? "", "base64url").toString("utf8"));
}
