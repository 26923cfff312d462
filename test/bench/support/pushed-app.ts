/** An app's repository whose commits are pushed to a platform, and what the platform says became of them. */
import type { DeploymentView, StreamEvent, TransitionView } from "@bifrost/shared/api/schemas";
import type { PlatformUnderTest } from "../../support/platform.ts";
import { type Repository, repositoryIn } from "../../support/repository.ts";
import { copyExample } from "../../support/folders.ts";
import { until } from "../../support/until.ts";

export interface Followed {
  readonly id: string;
  readonly state: DeploymentView["state"];
  readonly failure: DeploymentView["failure"];
  readonly transitions: readonly TransitionView[];
  /** Epoch milliseconds of the moment the end was seen by a client. */
  readonly seenAt: number;
}

const FOLLOW_TIMEOUT_MS = 300_000;

export class PushedApp {
  readonly slug: string;
  readonly folder: string;
  readonly #platform: PlatformUnderTest;
  readonly #repository: Repository;
  #commits = 0;

  private constructor(platform: PlatformUnderTest, slug: string, repository: Repository) {
    this.slug = slug;
    this.folder = repository.folder;
    this.#platform = platform;
    this.#repository = repository;
  }

  /** A copy of examples/<example> under its own name, its project created, nothing pushed yet. */
  static async create(
    platform: PlatformUnderTest,
    example: string,
    slug: string,
  ): Promise<PushedApp> {
    const repository = await repositoryIn(copyExample(example, slug));
    const { status, body } = await platform.apiPost("/projects", {
      name: slug,
      slug,
      repository: `local/${slug}`,
    });
    if (status !== 201) throw new Error(`project ${slug} not created: ${JSON.stringify(body)}`);
    const basic = Buffer.from(`bifrost:${platform.apiKey}`).toString("base64");
    const url = `${platform.address(2)}/local/${slug}.git`;
    await repository.git("remote", "add", "bifrost", url);
    await repository.git("config", `http.${url}.extraHeader`, `Authorization: Basic ${basic}`);
    return new PushedApp(platform, slug, repository);
  }

  /** A new commit that changes the app's answer; returns its id. */
  commit(): Promise<string> {
    this.#commits += 1;
    return this.#repository.commit(`change ${this.#commits}`, {
      "CHANGES.txt": `change ${this.#commits}\n`,
    });
  }

  async push(): Promise<void> {
    await this.#repository.git("push", "--quiet", "bifrost", "HEAD:main");
  }

  /** Waits, on the stream of events that the command line uses too, for the end of that commit's deployment. */
  async follow(sha: string): Promise<Followed> {
    const { id } = await until(() => this.#deploymentOf(sha), { everyMs: 10 });
    let current: DeploymentView | null = null;
    for await (const event of this.#events(id)) {
      if (event.kind === "deployment") current = event.deployment;
      if (current?.state === "healthy" || current?.state === "failed") break;
    }
    const seenAt = Date.now();
    if (current === null) throw new Error(`the stream of ${id} ended without its deployment`);
    const { body } = await this.#platform.apiGet(`/deployments/${id}/transitions`);
    return { id, state: current.state, failure: current.failure, transitions: body.items, seenAt };
  }

  async #deploymentOf(sha: string): Promise<DeploymentView | undefined> {
    const { body } = await this.#platform.apiGet(
      `/projects/${this.slug}/deployments?limit=1&commit=${sha}`,
    );
    return body.items[0];
  }

  async *#events(id: string): AsyncGenerator<StreamEvent> {
    const response = await fetch(`${this.#platform.address(1)}/api/v1/deployments/${id}/stream`, {
      headers: { authorization: `Bearer ${this.#platform.apiKey}` },
      signal: AbortSignal.timeout(FOLLOW_TIMEOUT_MS),
    });
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
        const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
        text = text.slice(end + 2);
        if (data !== undefined) yield JSON.parse(data) as StreamEvent;
      }
    }
  }
}
