/** Finds the folder whose deploy.toml describes the app the user is in. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseAppConfig } from "@bifrost/shared/app-config/parse";

export const CONFIG_FILE = "deploy.toml";

export interface AppFolder {
  readonly folder: string;
  /** `[app] name`; undefined when the file has errors. */
  readonly name: string | undefined;
}

export function findAppFolder(from: string): AppFolder | null {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const file = path.join(folder, CONFIG_FILE);
    if (existsSync(file)) {
      const parsed = parseAppConfig(readFileSync(file));
      return { folder, name: parsed.ok ? parsed.config.app.name : undefined };
    }
    if (folder === path.dirname(folder)) return null;
  }
}
