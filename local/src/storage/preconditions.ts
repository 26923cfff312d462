/** The `if...Match` parameters of a request, checked against the object as it is now. */
import { GoogleError } from "../serving/google-error.ts";
import type { ObjectMetadata } from "./object-metadata.ts";

export type Preconditions = Readonly<Record<string, string>>;

/** Generation 0 means: there is no such object. */
const CHECKS: Readonly<Record<string, (wanted: string, current?: ObjectMetadata) => boolean>> = {
  ifGenerationMatch: (wanted, current) => (current?.generation ?? "0") === wanted,
  ifGenerationNotMatch: (wanted, current) => (current?.generation ?? "0") !== wanted,
  ifMetagenerationMatch: (wanted, current) => current === undefined || wanted === "1",
  ifMetagenerationNotMatch: (wanted, current) => current === undefined || wanted !== "1",
};

export function preconditionsOf(query: URLSearchParams): Preconditions {
  const names = Object.keys(CHECKS).filter((name) => query.has(name));
  return Object.fromEntries(names.map((name) => [name, query.get(name) ?? ""]));
}

/** @throws GoogleError with HTTP 412 */
export function checkPreconditions(wanted: Preconditions, current?: ObjectMetadata): void {
  for (const [name, value] of Object.entries(wanted)) {
    if (CHECKS[name]?.(value, current) !== false) continue;
    const message = "At least one of the pre-conditions you specified did not hold.";
    throw new GoogleError("CONDITION_NOT_MET", message, {
      errors: [{ message, domain: "global", reason: "conditionNotMet", location: name }],
    });
  }
}
