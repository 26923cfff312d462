/** `--set key=value`: what a policy finds in its global `config`. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { PolicyAttachment, PolicyConfigValue } from "@bifrost/shared/domain/policy";

/** Numbers, true, false, and JSON's lists and quoted texts are read as such; everything else is text. */
export function parseSettings(settings: readonly string[]): PolicyAttachment["config"] {
  return Object.fromEntries(
    settings.map((setting) => {
      const at = setting.indexOf("=");
      if (at < 1) {
        const message = `--set ${setting}: write it as key=value, for example --set rate=10`;
        throw new BifrostError("bad-request", message);
      }
      return [setting.slice(0, at), parseValue(setting.slice(at + 1))];
    }),
  );
}

function parseValue(text: string): PolicyConfigValue {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  return isConfigValue(value) ? value : text;
}

function isConfigValue(value: unknown): value is PolicyConfigValue {
  if (Array.isArray(value)) return value.every((one) => typeof one === "string");
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}
