/** Finds steps that no path of execution can enter, and subworkflows that nothing calls. */
import type { Problem } from "./problem.ts";
import type { Fields, WorkflowFile } from "./workflow-file.ts";
import { asFields, blocksOf, stepsOf } from "./workflow-file.ts";

export function checkReachability(file: WorkflowFile): Problem[] {
  return [...unreachableSteps(file), ...unusedSubworkflows(file)];
}

function unreachableSteps(file: WorkflowFile): Problem[] {
  const problems: Problem[] = [];
  for (const routine of file.routines.values()) {
    const steps = [...stepsOf(routine)];
    const jumpedTo = new Set(steps.map((step) => step.fields["next"]));
    for (const block of blocksOf(routine)) {
      const isParallelBranches = steps.some(
        ({ fields }) => asFields(fields["parallel"])["branches"] === block.steps,
      );
      if (isParallelBranches) continue;
      let left = false;
      for (const entry of block.steps) {
        const [name = "", body] = Object.entries(asFields(entry))[0] ?? [];
        if (jumpedTo.has(name)) left = false;
        if (left) {
          const message = "the step before it always leaves, and nothing jumps here";
          const step = `${block.path}.${name}`;
          problems.push({ code: "unreachable-step", file: file.name, step, message });
        }
        left = alwaysLeaves(asFields(body));
      }
    }
  }
  return problems;
}

function alwaysLeaves(fields: Fields): boolean {
  const isConditional = fields["switch"] !== undefined && fields["next"] === undefined;
  if (isConditional) return false;
  return "return" in fields || "raise" in fields || fields["next"] !== undefined;
}

function unusedSubworkflows(file: WorkflowFile): Problem[] {
  const used = new Set<unknown>(["main"]);
  for (const routine of file.routines.values()) {
    for (const { fields } of stepsOf(routine)) {
      used.add(fields["call"]);
      const predicate = asFields(fields["retry"])["predicate"];
      if (typeof predicate === "string") used.add(predicate.replaceAll(/[${}\s]/g, ""));
    }
  }
  return [...file.routines.keys()]
    .filter((name) => !used.has(name))
    .map((name) => ({
      code: "unused-subworkflow",
      file: file.name,
      step: name,
      message: "nothing calls this subworkflow",
    }));
}
