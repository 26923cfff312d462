/** Names of workflows and executions, as requests carry them. */

const WORKFLOW = /^projects\/([^/]+)\/locations\/([^/]+)\/workflows\/([^/]+)$/;
const EXECUTION =
  /^projects\/([^/]+)\/locations\/([^/]+)\/workflows\/([^/]+)\/executions\/([^/]+)$/;
const CALLBACK =
  /^\/v1\/(projects\/[^/]+\/locations\/[^/]+\/workflows\/[^/]+\/executions\/[^/]+)\/callbacks\/([^/]+)$/;

export interface Place {
  readonly projectId: string;
  readonly location: string;
}

/** The workflow's id; undefined when the name is malformed or of another project or location. */
export function workflowIdOf(name: string, place: Place): string | undefined {
  const [, project, location, workflowId] = WORKFLOW.exec(name) ?? [];
  return isHere(project, location, place) ? workflowId : undefined;
}

export function executionIdOf(
  name: string,
  place: Place,
): { readonly workflowId: string; readonly executionId: string } | undefined {
  const [, project, location, workflowId, executionId] = EXECUTION.exec(name) ?? [];
  if (workflowId === undefined || executionId === undefined) return undefined;
  return isHere(project, location, place) ? { workflowId, executionId } : undefined;
}

/** Execution name and callback id of a callback's URL path. */
export function callbackOf(
  path: string,
): { readonly execution: string; readonly callbackId: string } | undefined {
  const [, execution, callbackId] = CALLBACK.exec(path) ?? [];
  return execution === undefined || callbackId === undefined
    ? undefined
    : { execution, callbackId };
}

function isHere(project: string | undefined, location: string | undefined, place: Place): boolean {
  return project === place.projectId && location === place.location;
}
