/** `switch`: the first condition that holds decides. */
import type { SwitchCase } from "../program.ts";
import type { Frame, Outcome, Runner } from "../runner.ts";
import { render } from "../template.ts";
import { typeName } from "../value.ts";
import { raised } from "../workflow-error.ts";

export async function runSwitch(
  cases: readonly SwitchCase[],
  frame: Frame,
  runner: Runner,
): Promise<Outcome> {
  for (const { condition, body } of cases) {
    const holds = render(condition, frame);
    if (typeof holds !== "boolean") {
      throw raised("TypeError", `a condition must be a boolean, not ${typeName(holds)}`);
    }
    if (!holds) continue;
    const isEmpty = body.action.kind === "none";
    if (!isEmpty) return runner.runStep(body, frame);
    return body.next === undefined ? undefined : { kind: "next", target: body.next };
  }
  return undefined;
}
