/** Finds the calls of functions in a workflow file: `http.*` steps, or steps that call a subworkflow which posts. */
import type { Problem } from "./problem.ts";
import type { Fields, Routine, VisitedStep, WorkflowFile } from "./workflow-file.ts";
import { asFields, asList, stepsOf } from "./workflow-file.ts";

export interface FunctionCall {
  readonly file: string;
  readonly step: string;
  readonly functionName: string;
  readonly body: Fields;
}

interface Found {
  readonly calls: readonly FunctionCall[];
  readonly problems: readonly Problem[];
}

const PLAIN_NAME = /^\$\{\s*([A-Za-z_]\w*)\s*\}$/;
const FUNCTION_URL = /^\$\{\s*(.+?)\s*\+\s*"\/([a-z][a-z0-9-]*)"\s*\}$/;
const BASE_URL = 'sys.get_env("FUNCTIONS_URL")';

export function findFunctionCalls(file: WorkflowFile): Found {
  const calls: FunctionCall[] = [];
  const problems: Problem[] = [];
  const posters = new Map<string, string>();
  for (const routine of file.routines.values()) {
    const parameter = urlParameter(routine);
    if (parameter !== undefined) posters.set(routine.name, parameter);
  }
  for (const routine of file.routines.values()) {
    for (const step of stepsOf(routine)) {
      const target = step.fields["call"];
      if (typeof target !== "string") continue;
      const args = asFields(step.fields["args"]);
      if (target.startsWith("http.")) problems.push(...checkSafety(file.name, step, args));
      const isOwnCall = target.startsWith("http.") && !posters.has(routine.name);
      const parameter = isOwnCall ? "url" : posters.get(target);
      if (parameter === undefined) continue;
      const functionName = functionOf(args[parameter], routine);
      if (functionName === undefined) {
        problems.push(unreadable(file.name, step.path, args[parameter]));
        continue;
      }
      const body = asFields(args["body"]);
      calls.push({ file: file.name, step: step.path, functionName, body });
    }
  }
  return { calls, problems };
}

/** The parameter a subworkflow takes its URL from; undefined when it calls nothing through one. */
function urlParameter(routine: Routine): string | undefined {
  for (const { fields } of stepsOf(routine)) {
    const isHttp = typeof fields["call"] === "string" && fields["call"].startsWith("http.");
    const url = isHttp ? asFields(fields["args"])["url"] : undefined;
    const name = typeof url === "string" ? PLAIN_NAME.exec(url)?.[1] : undefined;
    if (name !== undefined && routine.params.includes(name)) return name;
  }
  return undefined;
}

function checkSafety(file: string, step: VisitedStep, args: Fields): Problem[] {
  const problems: Problem[] = [];
  if (!step.isRetried) {
    const message = "the call is not the body of a try with retry: one lost packet fails it";
    problems.push({ code: "no-retry", file, step: step.path, message });
  }
  const { type, audience } = asFields(args["auth"]);
  if (type !== "OIDC" || audience === undefined || audience !== args["url"]) {
    const message = "auth must be OIDC with an audience equal to the URL";
    problems.push({ code: "no-identity", file, step: step.path, message });
  }
  return problems;
}

/** The function a URL names: `${sys.get_env("FUNCTIONS_URL") + "/name"}`, or a variable in place of the base. */
function functionOf(url: unknown, routine: Routine): string | undefined {
  const [, base = "", name] = typeof url === "string" ? (FUNCTION_URL.exec(url) ?? []) : [];
  if (base === BASE_URL) return name;
  const assigned = [...stepsOf(routine)]
    .flatMap((step) => asList(step.fields["assign"]))
    .map((entry) => asFields(entry)[base])
    .filter((value) => value !== undefined);
  const isBase = assigned.length > 0 && assigned.every((value) => value === `\${${BASE_URL}}`);
  return isBase ? name : undefined;
}

function unreadable(file: string, step: string, url: unknown): Problem {
  const message = `the URL ${JSON.stringify(url)} names no function: write \${${BASE_URL} + "/name"}`;
  return { code: "unreadable-url", file, step, message };
}
