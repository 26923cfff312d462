/** Reads an object of the file by its fields: unknown names, missing ones, and each value by its kind. */
import { closest } from "@bifrost/shared/app-config/closest";
import type { Field, Fields } from "./fields.ts";
import { described, quoted } from "./problems.ts";
import type { Place } from "./value-kinds.ts";

type ValueOf<F> = F extends Field<infer T> ? T : never;
type Always = { readonly isRequired: true } | { readonly fallback: unknown };

/** What an object holds once it has no problems: a field that is neither required nor has a default may be absent. */
export type ValuesOf<F extends Fields> = {
  readonly [Key in keyof F]: F[Key] extends Always ? ValueOf<F[Key]> : ValueOf<F[Key]> | undefined;
};

export interface Reading {
  /** Where a name that is not known here belongs, to be told instead of a guess. */
  readonly elsewhere?: (name: string) => string | undefined;
  /** Nothing is missing: the object is not in use. */
  readonly isIdle?: boolean;
}

/** Whatever was refused is absent from the answer, and said in `place.problems`. */
export function readObject<F extends Fields>(
  fields: F,
  found: unknown,
  place: Place,
  reading: Reading = {},
): Partial<ValuesOf<F>> {
  const object = plainObject(found);
  if (object === undefined) {
    const allowed = `an object with ${Object.keys(fields).join(", ")}`;
    const remedy = "write it in braces, as in the reference docs/cluster-config.md";
    place.problems.add({ path: place.path, found: described(found), allowed, remedy });
    return {};
  }
  reportUnknown(Object.keys(fields), object, place, reading);
  const values = Object.entries(fields).map(([name, field]) => [
    name,
    readField(field, object[name], below(place, name), reading.isIdle === true),
  ]);
  return Object.fromEntries(values) as Partial<ValuesOf<F>>;
}

export function below({ path, problems }: Place, part: string | number): Place {
  return { path: [...path, part], problems };
}

function readField(field: Field<unknown>, found: unknown, place: Place, isIdle: boolean): unknown {
  if (found !== undefined) return field.kind.read(found, place);
  if (field.fallback !== undefined) return field.kind.read(field.fallback, place);
  if (field.isRequired === true && !isIdle) reportMissing(field, place);
  return undefined;
}

/** Of a field that is required where it stands. */
export function reportMissing({ kind }: Field<unknown>, { path, problems }: Place): void {
  const remedy = `add "${String(path.at(-1))}": ${kind.example}`;
  problems.add({ path, found: "nothing", allowed: kind.expects, remedy });
}

function reportUnknown(
  names: readonly string[],
  object: Readonly<Record<string, unknown>>,
  place: Place,
  { elsewhere }: Reading,
): void {
  for (const name of Object.keys(object)) {
    if (names.includes(name)) continue;
    const nearest = closest(name, names);
    const guess = nearest === undefined ? "remove it" : `did you mean "${nearest}"?`;
    place.problems.add({
      path: [...place.path, name],
      found: `a field ${quoted(name)} that is not known`,
      allowed: names.join(", "),
      remedy: elsewhere?.(name) ?? guess,
    });
  }
}

function plainObject(found: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof found !== "object" || found === null || Array.isArray(found)) return undefined;
  return found as Readonly<Record<string, unknown>>;
}
