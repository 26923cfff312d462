/** `bifrost validate`: checks a deploy.toml without asking anyone. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { renderDiagnostics } from "@bifrost/shared/app-config/diagnostic";
import { parseAppConfig } from "@bifrost/shared/app-config/parse";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { CONFIG_FILE } from "../app-folder.ts";
import { EXIT } from "../exit-code.ts";
import type { CommandSpec } from "./command.ts";

export const validate: CommandSpec = {
  usage: "validate [file]",
  description: "check a deploy.toml, offline; every error at once",
  example: "bifrost validate services/web/deploy.toml",
  async run(context, [file = CONFIG_FILE]) {
    const { output } = context;
    const bytes = readConfig(path.resolve(context.folder, file));
    const parsed = parseAppConfig(bytes);
    output.data(parsed.ok ? { valid: true } : { valid: false, diagnostics: parsed.diagnostics });
    if (parsed.ok) {
      output.line(`${file} is valid.`);
      return EXIT.ok;
    }
    const text = new TextDecoder().decode(bytes);
    output.line(renderDiagnostics(text, parsed.diagnostics, { fileName: file }));
    return EXIT.configInvalid;
  },
};

export function readConfig(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch {
    throw new BifrostError("not-found", `there is no ${file}; \`bifrost init\` writes one`, {
      file,
    });
  }
}
