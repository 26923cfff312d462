/** Fields of `providers` in the file named by BIFROST_CONFIG. */
import { LIMIT_MODES } from "../limits/limiter.ts";
import { KEY_HEADERS } from "../providers/provider-config.ts";
import type { Fields } from "./fields.ts";
import { integer, objects, oneOf, providerUrl, text } from "./value-kinds.ts";

const perMinute = (example: number) => integer(1, 1_000_000_000, example);

export const PROVIDER_FIELDS = {
  name: {
    kind: text({
      expects: "1 to 40 letters a-z, digits and dashes, a letter first",
      example: "openai",
      pattern: /^[a-z][a-z0-9-]{0,39}$/,
    }),
    isRequired: true,
    about: "First part of the path of a call: `/openai/v1/chat/completions`.",
  },
  base_url: {
    kind: providerUrl("https://api.openai.com"),
    isRequired: true,
    about: "What stands before the rest of that path.",
  },
  key_env: {
    kind: text({
      expects: "the name of an environment variable: A-Z, digits and underscores",
      example: "OPENAI_API_KEY",
      pattern: /^[A-Z][A-Z0-9_]{0,127}$/,
    }),
    isRequired: true,
    about: "Variable of this gateway with the provider's key, which apps never see.",
  },
  key_header: {
    kind: oneOf(KEY_HEADERS),
    fallback: "authorization",
    about: "Header that carries it; `authorization` as a bearer token.",
  },
  limits: {
    kind: objects(256),
    fallback: [],
    about: "How much apps may ask; a call must have room in every limit that holds for it.",
  },
} as const satisfies Fields;

export const PROVIDER_LIMIT_FIELDS = {
  model: {
    kind: text({
      expects: "1 to 128 characters without blanks",
      example: "gpt-4o",
      pattern: /^[\x21-\x7e]{1,128}$/,
    }),
    isRequired: true,
    about: "Model as calls name it; `*` = all of them together.",
  },
  per: {
    kind: oneOf(["project", "all"]),
    fallback: "project",
    about: "Each project for itself, or all of them together.",
  },
  requests_per_minute: {
    kind: perMinute(60),
    fallbackWords: "no limit",
    about: "Calls a minute in the long run; ten seconds' worth at once.",
  },
  tokens_per_minute: {
    kind: perMinute(100_000),
    fallbackWords: "no limit",
    about: "Tokens a minute, counted when an answer says what it took.",
  },
  mode: {
    kind: oneOf(LIMIT_MODES),
    fallback: "balanced",
    about: "How the nodes of a cluster share the limit of requests; tokens are always balanced.",
  },
} as const satisfies Fields;
