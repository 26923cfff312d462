/** `bifrost open`: the project's URL, in a browser where there is one. */
import { spawn } from "node:child_process";
import { EXIT } from "../exit-code.ts";
import type { CommandSpec } from "./command.ts";

export const open: CommandSpec = {
  usage: "open",
  description: "print the project's URL and open it in a browser",
  example: "bifrost open",
  async run(context) {
    const { output, environment } = context;
    const project = await context.project();
    output.data({ url: project.url });
    output.line(project.url);
    if (environment.interactive && !output.json) await openBrowser(project.url);
    return EXIT.ok;
  },
};

/** No browser is no error: the address was printed. */
function openBrowser(url: string): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn("xdg-open", [url], { stdio: "ignore", detached: true });
    child.once("error", () => resolve());
    child.once("spawn", () => {
      child.unref();
      resolve();
    });
  });
}
