/** The REST API as functions; every answer is checked against the shared contract. */
import { randomUUID } from "node:crypto";
import {
  attachedPolicies,
  policyDetails,
  policyLogView,
  policyView,
  pushedPolicy,
  type PolicyDetails,
  type PolicyView,
  type PushedPolicy,
  type pushPolicyBody,
} from "@bifrost/shared/api/policies";
import {
  domainView,
  routeView,
  type DomainView,
  type RouteBody,
  type RouteView,
} from "@bifrost/shared/api/routes";
import {
  deploymentDetails,
  deploymentView,
  logView,
  page,
  projectView,
  streamEvent,
  transitionView,
  type DeploymentDetails,
  type DeploymentView,
  type StreamEvent,
} from "@bifrost/shared/api/schemas";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { PolicyAttachment } from "@bifrost/shared/domain/policy";
import * as v from "valibot";
import type { Credentials } from "./config.ts";
import { refusal } from "./refusal.ts";
import { readServerSentEvents } from "./server-sent-events.ts";

const REQUEST_TIMEOUT_MS = 30_000;

interface RequestOptions {
  readonly signal: AbortSignal;
  readonly body?: object;
  readonly ifMatch?: string;
}

export class Client {
  readonly #credentials: Pick<Credentials, "apiUrl" | "apiKey">;

  constructor(credentials: Pick<Credentials, "apiUrl" | "apiKey">) {
    this.#credentials = credentials;
  }

  async projects() {
    return (await this.#call("GET", "/projects", page(projectView))).items;
  }

  project(key: string) {
    return this.#call("GET", `/projects/${encodeURIComponent(key)}`, projectView);
  }

  createProject(body: { name: string; repository: string; slug?: string; defaultBranch?: string }) {
    return this.#call("POST", "/projects", projectView, body);
  }

  deleteProject(key: string) {
    return this.#call(
      "DELETE",
      `/projects/${encodeURIComponent(key)}`,
      v.object({ deleted: v.string() }),
    );
  }

  async deployments(project: string, query: { limit: number; commit?: string }) {
    const search = new URLSearchParams({
      limit: String(query.limit),
      ...(query.commit === undefined ? {} : { commit: query.commit }),
    });
    const path = `/projects/${encodeURIComponent(project)}/deployments?${search.toString()}`;
    return (await this.#call("GET", path, page(deploymentView))).items;
  }

  createDeployment(project: string, ref: string): Promise<DeploymentView> {
    return this.#call(
      "POST",
      `/projects/${encodeURIComponent(project)}/deployments`,
      deploymentView,
      { ref },
    );
  }

  rollBack(project: string, to: number | string | undefined): Promise<DeploymentView> {
    const body = to === undefined ? {} : { to };
    return this.#call(
      "POST",
      `/projects/${encodeURIComponent(project)}/rollbacks`,
      deploymentView,
      body,
    );
  }

  deployment(id: string): Promise<DeploymentDetails> {
    return this.#call("GET", `/deployments/${encodeURIComponent(id)}`, deploymentDetails);
  }

  act(id: string, action: "retry" | "cancel"): Promise<DeploymentView> {
    return this.#call(
      "POST",
      `/deployments/${encodeURIComponent(id)}/${action}`,
      deploymentView,
      {},
    );
  }

  async routes(project: string) {
    return (await this.#call("GET", routePath(project), page(routeView))).items;
  }

  /** Replaces all of a host's route; `precondition-failed` when it is not `version` any more. */
  async setRoute(
    project: string,
    host: string,
    body: RouteBody,
    version: string | null,
  ): Promise<RouteView> {
    const options = { body, ...(version === null ? {} : { ifMatch: `"${version}"` }) };
    return (await this.#exchange("PUT", routePath(project, host), routeView, options)).value;
  }

  removeRoute(project: string, host: string) {
    return this.#call("DELETE", routePath(project, host), v.object({ deleted: v.string() }));
  }

  async domains(project: string) {
    return (await this.#call("GET", domainPath(project), page(domainView))).items;
  }

  addDomain(project: string, domain: string): Promise<DomainView> {
    return this.#call("POST", domainPath(project), domainView, { domain });
  }

  verifyDomain(project: string, domain: string): Promise<DomainView> {
    return this.#call("POST", `${domainPath(project, domain)}/verify`, domainView, {});
  }

  removeDomain(project: string, domain: string) {
    return this.#call("DELETE", domainPath(project, domain), v.object({ deleted: v.string() }));
  }

  async transitions(id: string) {
    return (
      await this.#call(
        "GET",
        `/deployments/${encodeURIComponent(id)}/transitions`,
        page(transitionView),
      )
    ).items;
  }

  async logs(id: string, stream: "build" | "runtime", limit: number) {
    const path = `/deployments/${encodeURIComponent(id)}/logs?stream=${stream}&limit=${limit}`;
    return (await this.#call("GET", path, page(logView))).items;
  }

  /** Events as they happen; ends when the server closes the stream or `signal` aborts. */
  async *stream(id: string, signal: AbortSignal): AsyncGenerator<StreamEvent> {
    const response = await this.#fetch("GET", `/deployments/${encodeURIComponent(id)}/stream`, {
      signal,
    });
    for await (const data of readServerSentEvents(response))
      yield v.parse(streamEvent, JSON.parse(data));
  }

  async policies() {
    return (await this.#call("GET", "/policies", page(policyView))).items;
  }

  policy(name: string): Promise<PolicyDetails> {
    return this.#call("GET", policyPath(name), policyDetails);
  }

  pushPolicy(body: v.InferInput<typeof pushPolicyBody>): Promise<PushedPolicy> {
    return this.#call("POST", "/policies", pushedPolicy, body);
  }

  activatePolicy(name: string, version: number): Promise<PolicyView> {
    return this.#call("POST", `${policyPath(name)}/activate`, policyView, { version });
  }

  revertPolicy(name: string): Promise<PolicyView> {
    return this.#call("POST", `${policyPath(name)}/revert`, policyView, {});
  }

  deletePolicy(name: string) {
    return this.#call("DELETE", policyPath(name), v.object({ deleted: v.string() }));
  }

  /** The last batches, or those after `cursor`; the answer's `nextCursor` is where to go on. */
  policyLogs(name: string, cursor: string | null) {
    const search = cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`;
    return this.#call("GET", `${policyPath(name)}/logs${search}`, page(policyLogView));
  }

  /** What runs on a project, or on the whole platform (null), with the tag that a change has to show. */
  async attachedPolicies(project: string | null) {
    const path = attachmentsPath(project);
    const { value, tag } = await this.#exchange("GET", path, attachedPolicies, {});
    return { policies: value.policies, tag };
  }

  /** Throws `precondition-failed` when they changed since they had this tag. */
  async attachPolicies(
    project: string | null,
    policies: readonly PolicyAttachment[],
    tag: string | null,
  ): Promise<readonly PolicyAttachment[]> {
    const path = attachmentsPath(project);
    const options = { body: { policies }, ...(tag === null ? {} : { ifMatch: tag }) };
    return (await this.#exchange("PUT", path, attachedPolicies, options)).value.policies;
  }

  async #call<Schema extends v.GenericSchema>(
    method: string,
    path: string,
    schema: Schema,
    body?: object,
  ): Promise<v.InferOutput<Schema>> {
    const options = body === undefined ? {} : { body };
    return (await this.#exchange(method, path, schema, options)).value;
  }

  async #exchange<Schema extends v.GenericSchema>(
    method: string,
    path: string,
    schema: Schema,
    options: Omit<RequestOptions, "signal">,
  ): Promise<{ value: v.InferOutput<Schema>; tag: string | null }> {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const response = await this.#fetch(method, path, { signal, ...options });
    const parsed = v.safeParse(schema, await response.json());
    if (parsed.success) return { value: parsed.output, tag: response.headers.get("etag") };
    throw new BifrostError(
      "upstream-refused",
      "the API's answer has an unknown shape; update this command line",
      { path },
    );
  }

  async #fetch(method: string, path: string, options: RequestOptions): Promise<Response> {
    const { apiUrl, apiKey } = this.#credentials;
    let response: Response;
    try {
      response = await fetch(`${apiUrl}${path}`, {
        method,
        signal: options.signal,
        headers: {
          authorization: `Bearer ${apiKey}`,
          "content-type": "application/json",
          ...(method === "POST" ? { "idempotency-key": randomUUID() } : {}),
          ...(options.ifMatch === undefined ? {} : { "if-match": options.ifMatch }),
        },
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      });
    } catch (error) {
      if (
        options.signal.aborted &&
        options.signal.reason instanceof Error &&
        options.signal.reason.name === "AbortError"
      )
        throw error;
      throw new BifrostError(
        "upstream-unavailable",
        `no answer from ${apiUrl}; is the platform running? (\`npm start\`)`,
      );
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }
}

function policyPath(name: string): string {
  return `/policies/${encodeURIComponent(name)}`;
}

function attachmentsPath(project: string | null): string {
  return project === null
    ? "/platform/policies"
    : `/projects/${encodeURIComponent(project)}/policies`;
}

function routePath(project: string, host?: string): string {
  const all = `/projects/${encodeURIComponent(project)}/routes`;
  return host === undefined ? all : `${all}/${encodeURIComponent(host)}`;
}

function domainPath(project: string, domain?: string): string {
  const all = `/projects/${encodeURIComponent(project)}/domains`;
  return domain === undefined ? all : `${all}/${encodeURIComponent(domain)}`;
}
