/** GitHub through its App: installation tokens, contents, tarballs and commit statuses. */
import { App } from "@octokit/app";
import { Octokit } from "@octokit/core";
import * as v from "valibot";
import { BifrostError } from "../domain/errors.ts";
import { commitShaSchema, type CommitSha, type Repository } from "../domain/ids.ts";
import type { CommitStatus, SourceHost } from "../ports/source-host.ts";

export interface GitHubOptions {
  /** `https://api.github.com` in production. */
  readonly apiUrl: string;
  readonly appId: string;
  /** PEM; never logged. */
  readonly privateKey: string;
}

type Client = Awaited<ReturnType<App["getInstallationOctokit"]>>;

const commitAnswerSchema = v.object({
  sha: commitShaSchema,
  commit: v.object({
    message: v.string(),
    author: v.optional(v.nullable(v.object({ name: v.optional(v.string()) }))),
  }),
});

export class GitHubSourceHost implements SourceHost {
  readonly #app: App;
  readonly #clients = new Map<string, Promise<Client>>();

  constructor(options: GitHubOptions) {
    this.#app = new App({
      appId: options.appId,
      privateKey: options.privateKey,
      Octokit: Octokit.defaults({ baseUrl: options.apiUrl }),
    });
  }

  async readFile(
    repository: Repository,
    sha: CommitSha,
    path: string,
    maxBytes: number,
  ): Promise<Uint8Array | null> {
    const client = await this.#client(repository);
    try {
      const answer = await client.request("GET /repos/{owner}/{repo}/contents/{path}", {
        ...parts(repository),
        path,
        ref: sha,
        headers: { accept: "application/vnd.github.raw+json" },
      });
      const text = answer.data as unknown as string | ArrayBuffer;
      const bytes =
        typeof text === "string" ? new TextEncoder().encode(text) : new Uint8Array(text);
      if (bytes.length <= maxBytes) return bytes;
      throw new BifrostError(
        "body-too-large",
        `${path} has ${bytes.length} bytes; at most ${maxBytes} are read`,
        {
          path,
          bytes: bytes.length,
          maxBytes,
        },
      );
    } catch (error) {
      if (statusOf(error) === 404) return null;
      throw translated(error, `read ${path}`);
    }
  }

  async resolve(
    repository: Repository,
    ref: string,
  ): Promise<{ sha: CommitSha; message: string; author: string } | null> {
    const client = await this.#client(repository);
    try {
      const answer = await client.request("GET /repos/{owner}/{repo}/commits/{ref}", {
        ...parts(repository),
        ref,
      });
      const { sha, commit } = v.parse(commitAnswerSchema, answer.data);
      return { sha, message: commit.message, author: commit.author?.name ?? "" };
    } catch (error) {
      if (statusOf(error) === 404 || statusOf(error) === 422) return null;
      throw translated(error, `resolve ${ref}`);
    }
  }

  async tarball(repository: Repository, sha: CommitSha): Promise<ReadableStream<Uint8Array>> {
    const client = await this.#client(repository);
    try {
      const answer = await client.request("GET /repos/{owner}/{repo}/tarball/{ref}", {
        ...parts(repository),
        ref: sha,
        request: { parseSuccessResponseBody: false },
      });
      return answer.data as ReadableStream<Uint8Array>;
    } catch (error) {
      throw translated(error, "fetch the source");
    }
  }

  async setStatus(repository: Repository, sha: CommitSha, status: CommitStatus): Promise<void> {
    const client = await this.#client(repository);
    try {
      await client.request("POST /repos/{owner}/{repo}/statuses/{sha}", {
        ...parts(repository),
        sha,
        state: status.state,
        description: status.description.slice(0, 140),
        context: "bifrost",
        ...(status.targetUrl === undefined ? {} : { target_url: status.targetUrl }),
      });
    } catch (error) {
      throw translated(error, "set a commit status");
    }
  }

  /** One client per repository; it renews its installation token by itself. A failed look-up is not kept. */
  #client(repository: Repository): Promise<Client> {
    const known = this.#clients.get(repository);
    if (known !== undefined) return known;
    const client = this.#install(repository);
    this.#clients.set(repository, client);
    client.catch(() => this.#clients.delete(repository));
    return client;
  }

  async #install(repository: Repository): Promise<Client> {
    try {
      const answer = await this.#app.octokit.request(
        "GET /repos/{owner}/{repo}/installation",
        parts(repository),
      );
      return await this.#app.getInstallationOctokit((answer.data as { id: number }).id);
    } catch (error) {
      if (statusOf(error) !== 404) throw translated(error, "find the installation");
      throw new BifrostError(
        "not-found",
        `the GitHub App is not installed on ${repository}; install it there and push again`,
        { repository },
      );
    }
  }
}

function parts(repository: Repository): { owner: string; repo: string } {
  const [owner = "", repo = ""] = repository.split("/");
  return { owner, repo };
}

function statusOf(error: unknown): number | undefined {
  return typeof error === "object" && error !== null && "status" in error
    ? Number(error.status)
    : undefined;
}

function translated(error: unknown, what: string): BifrostError {
  if (error instanceof BifrostError) return error;
  const status = statusOf(error) ?? 0;
  const code =
    status === 0 || status >= 500 || status === 429 ? "upstream-unavailable" : "upstream-refused";
  return new BifrostError(code, `GitHub did not ${what}`, { status }, { cause: error });
}
