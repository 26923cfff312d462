/** Configuration as data: each variable is a name, a meaning, a default and a parser; docs are made from it. */
import * as v from "valibot";
import { BifrostError } from "./errors.ts";

export interface Variable<T> {
  readonly name: string;
  readonly meaning: string;
  readonly schema: v.GenericSchema<string, T>;
  /** Absent = required. */
  readonly fallback?: T;
  /** Never printed, not even in an error. */
  readonly secret?: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

type Values<Table extends Readonly<Record<string, Variable<unknown>>>> = {
  readonly [Key in keyof Table]: Table[Key] extends Variable<infer T> ? T : never;
};

/** Reads every variable of the table or throws one `invalid-environment` error that names all that are wrong. */
export function readEnvironment<Table extends Readonly<Record<string, Variable<unknown>>>>(
  table: Table,
  environment: Environment,
): Values<Table> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, variable] of Object.entries(table)) {
    const text = environment[variable.name];
    if (text === undefined || text === "") {
      if ("fallback" in variable) values[key] = variable.fallback;
      else problems.push(`${variable.name} is not set: ${variable.meaning}`);
      continue;
    }
    const parsed = v.safeParse(variable.schema, text);
    if (parsed.success) values[key] = parsed.output;
    else {
      const shown = variable.secret === true ? "" : `, found ${JSON.stringify(text.slice(0, 80))}`;
      problems.push(`${variable.name}: ${parsed.issues[0].message}${shown}`);
    }
  }
  if (problems.length > 0) {
    throw new BifrostError("invalid-environment", problems.join("\n"), {
      problems: problems.length,
    });
  }
  return Object.freeze(values) as Values<Table>;
}
