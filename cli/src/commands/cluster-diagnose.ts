/** `bifrost cluster diagnose`: looks for every known trouble, and says what causes each and what to do. */
import { readFileSync } from "node:fs";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import { systemTimers } from "@bifrost/shared/domain/time";
import { diagnose, type Check } from "../cluster/diagnose.ts";
import { CONTROL_OPTIONS, findControl } from "../cluster/find-control.ts";
import { takePicture, type Picture } from "../cluster/picture.ts";
import { EXIT } from "../exit-code.ts";
import type { Output } from "../output.ts";
import type { CommandSpec } from "./command.ts";

export const clusterDiagnose: CommandSpec = {
  usage: "diagnose",
  description:
    "look for every known trouble of a cluster, with its cause and what to do; ends with 9 when there is one",
  example: "journalctl -u bifrost-gateway | bifrost cluster diagnose --log -",
  options: [
    ...CONTROL_OPTIONS,
    ["--log <file>", "look at a gateway's log too; - reads standard input"],
    ["--all", "list the checks that found nothing as well"],
  ],
  async run({ output, environment }, _args, options) {
    const control = findControl(environment, options);
    const log = typeof options["log"] === "string" ? readLog(options["log"]) : [];
    const picture = await takePicture(control, { at: systemTimers.now(), log });
    const refusal = picture.silent.find((silent) => silent.refusal !== null)?.refusal ?? null;
    if (picture.views.length === 0 && refusal !== null) throw refusal;
    const checks = diagnose(picture);
    const troubles = checks.filter(({ verdict }) => verdict === "trouble");
    output.data({ nodes: picture.views.map(({ status }) => status.local_node), checks });
    print(output, picture, options["all"] === true ? checks : troubles);
    const unused = checks.filter(({ verdict }) => verdict === "unused").length;
    output.line(
      `${checks.length - unused} checks, ${troubles.length} found something; ${unused} are about discovery that is not used here.`,
    );
    return troubles.length === 0 ? EXIT.ok : EXIT.notHealthy;
  },
};

function readLog(file: string): readonly string[] {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8").split("\n");
  } catch (error) {
    throw new BifrostError("bad-request", `--log is not read: ${messageOf(error)}`);
  }
}

function print(output: Output, { views }: Picture, checks: readonly Check[]): void {
  const { paint } = output;
  const names = views.map(({ status }) => status.local_node);
  output.line(`Asked ${names.length === 0 ? "nobody that answered" : names.join(", ")}.`);
  output.line();
  for (const { symptom, verdict, found, cause, remedies } of checks) {
    if (verdict !== "trouble") {
      output.line(paint.dim(`${verdict === "ok" ? "ok    " : "unused"}  ${symptom}`));
      continue;
    }
    output.line(paint.red(`trouble  ${symptom}`));
    for (const { at, what } of found) output.line(`  ${at}: ${what}`);
    output.line(`  cause: ${cause}`);
    for (const remedy of remedies) output.line(`  - ${remedy}`);
    output.line();
  }
}
