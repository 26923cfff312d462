import { gitText } from "./run-git.ts";

export interface Commit {
  readonly id: string;
  readonly message: string;
  /** ISO 8601. */
  readonly timestamp: string;
  readonly author: { readonly name: string; readonly email: string };
  readonly parents: readonly string[];
}

export async function readCommit(dir: string, id: string): Promise<Commit> {
  const format = "--format=%H%x00%P%x00%an%x00%ae%x00%cI%x00%B";
  const text = await gitText(["-C", dir, "show", "--no-patch", format, id, "--"]);
  const [hash = id, parents = "", name = "", email = "", timestamp = "", message = ""] =
    text.split("\0");
  return {
    id: hash,
    message: message.trimEnd(),
    timestamp,
    author: { name, email },
    parents: parents.split(" ").filter((parent) => parent !== ""),
  };
}
