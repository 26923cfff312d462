/** Whether a standard policy takes the settings it is to be attached with; the script itself has the last word. */
import type { PolicyAttachment, PolicyConfigValue } from "./policy.ts";

type Config = PolicyAttachment["config"];

/** One setting; of a list, `pattern` speaks of each item. */
export interface SettingRule {
  readonly type: "number" | "string" | "boolean" | "list";
  readonly about: string;
  readonly isRequired?: true;
  /** Absent = none. */
  readonly default?: PolicyConfigValue;
  readonly min?: number;
  readonly max?: number;
  readonly oneOf?: readonly string[];
  readonly pattern?: Pick<RegExp, "test">;
  /** What `pattern` asks for, in words. */
  readonly must?: string;
}

export interface StandardPolicy {
  readonly about: string;
  readonly settings: Readonly<Record<string, SettingRule>>;
  /** What must not be said together; null = nothing is wrong. Each setting alone is right. */
  readonly conflict?: (config: Config) => string | null;
  /** How it is attached. */
  readonly example: string;
}

/** What is wrong first, in words; null = nothing. */
export function checkSettings(
  { settings, conflict }: StandardPolicy,
  config: Config,
): string | null {
  for (const name of Object.keys(config)) {
    if (Object.hasOwn(settings, name)) continue;
    const all = Object.keys(settings).toSorted().join(", ");
    return `unknown setting ${name}: there are ${all}`;
  }
  for (const [name, rule] of Object.entries(settings)) {
    const value = config[name];
    const wrong = value === undefined ? missing(rule) : checkValue(rule, value);
    if (wrong !== null) return `setting ${name} ${wrong}`;
  }
  const wrong = conflict?.(config) ?? null;
  return wrong === null ? null : `setting ${wrong}`;
}

function missing({ isRequired }: SettingRule): string | null {
  return isRequired === true ? "is missing" : null;
}

function checkValue(rule: SettingRule, value: PolicyConfigValue): string | null {
  const found = JSON.stringify(value);
  if (rule.type === "list") {
    if (!Array.isArray(value)) return `must be a list of strings such as ["a", "b"], not ${found}`;
    if (rule.isRequired === true && value.length === 0) return "must not be empty";
    return value.map((item) => checkText(rule, item)).find((wrong) => wrong !== null) ?? null;
  }
  if (typeof value !== rule.type) return `must be a ${rule.type}, not ${found}`;
  if (typeof value === "number") return checkNumber(rule, value);
  return typeof value === "string" ? checkText(rule, value) : null;
}

function checkNumber({ min = -Infinity, max = Infinity }: SettingRule, value: number) {
  if (value < min) return `must be at least ${min}, not ${value}`;
  return value > max ? `must be at most ${max}, not ${value}` : null;
}

function checkText({ oneOf, pattern, must }: SettingRule, text: string): string | null {
  const found = JSON.stringify(text);
  if (oneOf !== undefined && !oneOf.includes(text))
    return `must be ${oneOf.join(" or ")}, not ${found}`;
  return pattern === undefined || pattern.test(text) ? null : `must ${must ?? ""}, not ${found}`;
}
