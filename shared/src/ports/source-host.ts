/** Where repositories live: GitHub, through its App. */
import type { Commit } from "../domain/deployment.ts";
import type { CommitSha, Repository } from "../domain/ids.ts";

export interface CommitStatus {
  readonly state: "pending" | "success" | "failure" | "error";
  /** At most 140 characters. */
  readonly description: string;
  readonly targetUrl?: string;
}

export interface SourceHost {
  /** Bytes of a file at exactly that commit; null when the commit has no such file. Refuses more than `maxBytes`. */
  readFile(
    repository: Repository,
    sha: CommitSha,
    path: string,
    maxBytes: number,
  ): Promise<Uint8Array | null>;
  /** Resolves a branch, tag or SHA; null when there is none. */
  resolve(repository: Repository, ref: string): Promise<Commit | null>;
  /** The commit's tree as a gzipped tar with one leading directory. */
  tarball(repository: Repository, sha: CommitSha): Promise<ReadableStream<Uint8Array>>;
  setStatus(repository: Repository, sha: CommitSha, status: CommitStatus): Promise<void>;
}
