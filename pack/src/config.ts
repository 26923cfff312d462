/** The one place that reads the environment. */
import * as v from "valibot";

const environment = v.object({
  /** Credential for pushing (and pulling a private base); empty means none. */
  PACK_REGISTRY_TOKEN: v.optional(v.string(), ""),
  /** How the credential is sent: as a bearer token or as the password of `oauth2accesstoken`. */
  PACK_REGISTRY_AUTH: v.optional(v.picklist(["bearer", "basic"]), "bearer"),
  /** Directory where Cloud Build takes a step's result from; the digest is written to `output` there. */
  BUILDER_OUTPUT: v.optional(v.string(), ""),
});

export interface PackConfig {
  readonly token: string | undefined;
  readonly scheme: "bearer" | "basic";
  readonly outputDir: string | undefined;
}

/** Throws a valibot error naming the variable that is malformed. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): PackConfig {
  const parsed = v.parse(environment, env);
  const token = parsed.PACK_REGISTRY_TOKEN;
  return Object.freeze({
    token: token === "" ? undefined : token,
    scheme: parsed.PACK_REGISTRY_AUTH,
    outputDir: parsed.BUILDER_OUTPUT === "" ? undefined : parsed.BUILDER_OUTPUT,
  });
}
