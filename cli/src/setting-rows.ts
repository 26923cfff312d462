/** The settings of a standard policy, for people and for programs. */
import type { SettingRule, StandardPolicy } from "@bifrost/shared/domain/policy-settings";

type Settings = StandardPolicy["settings"];

/** Name, kind, default, what is allowed, what it is for. */
export function settingRows(settings: Settings): readonly (readonly string[])[] {
  return Object.entries(settings).map(([name, rule]) => [
    name,
    rule.type,
    defaultWords(rule),
    allowedWords(rule),
    rule.about,
  ]);
}

export function settingViews(settings: Settings) {
  return Object.entries(settings).map(([name, { pattern: _pattern, ...rule }]) => ({
    name,
    ...rule,
  }));
}

function defaultWords(rule: SettingRule): string {
  if (rule.isRequired === true) return "required";
  return rule.default === undefined ? "none" : JSON.stringify(rule.default);
}

function allowedWords({ min, max, oneOf, must }: SettingRule): string {
  if (oneOf !== undefined) return oneOf.join(", ");
  if (must !== undefined) return must.replace(/^be /, "");
  return min === undefined || max === undefined ? "" : `${min} to ${max}`;
}
