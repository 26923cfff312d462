/** `providers` of the file: a list of AI providers, each with its limits. */
import type { ProviderConfig, ProviderLimit } from "../providers/provider-config.ts";
import { PROVIDER_FIELDS, PROVIDER_LIMIT_FIELDS } from "./provider-fields.ts";
import { below, readObject, type ValuesOf } from "./read-object.ts";
import { objects, type Place } from "./value-kinds.ts";

const PROVIDERS = objects(64);

/** What is wrong with one is said and leaves it out. */
export function readProviders(found: unknown, place: Place): readonly ProviderConfig[] {
  const list = found === undefined ? [] : (PROVIDERS.read(found, place) ?? []);
  const providers = list.flatMap((one, index) => readProvider(one, below(place, index)));
  for (const [index, { name }] of providers.entries()) {
    if (providers.findIndex((other) => other.name === name) === index) continue;
    place.problems.add({
      path: [...place.path, index, "name"],
      found: `"${name}" a second time`,
      allowed: "one provider of each name",
      remedy: "give it another name, or put its limits to the first one",
    });
  }
  return providers;
}

function readProvider(found: unknown, place: Place): readonly ProviderConfig[] {
  const read = readObject(PROVIDER_FIELDS, found, place);
  const limitsPlace = below(place, "limits");
  const limits = (read.limits ?? []).flatMap((one, index) =>
    readLimit(one, below(limitsPlace, index)),
  );
  if (place.problems.has(place.path)) return [];
  const {
    name,
    base_url: baseUrl,
    key_env: keyVariable,
    key_header: keyHeader,
  } = read as ValuesOf<typeof PROVIDER_FIELDS>;
  return [{ name, baseUrl, keyVariable, keyHeader, limits }];
}

function readLimit(found: unknown, place: Place): readonly ProviderLimit[] {
  const read = readObject(PROVIDER_LIMIT_FIELDS, found, place);
  const { requests_per_minute: requests, tokens_per_minute: tokens } = read;
  if (requests === undefined && tokens === undefined && !place.problems.has(place.path)) {
    place.problems.add({
      path: place.path,
      found: "neither requests_per_minute nor tokens_per_minute",
      allowed: "one of them, or both",
      remedy: 'add "requests_per_minute": 60',
    });
  }
  if (place.problems.has(place.path)) return [];
  const { model, per, mode } = read as ValuesOf<typeof PROVIDER_LIMIT_FIELDS>;
  return [
    { model, per, mode, requestsPerMinute: requests ?? null, tokensPerMinute: tokens ?? null },
  ];
}
