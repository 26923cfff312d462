/** Ids are branded strings: made here or parsed here, so a mixed-up argument does not compile. */
import * as v from "valibot";

export const deploymentIdSchema = v.pipe(
  v.string(),
  v.regex(
    /^[a-z][a-z0-9]{9,30}$/,
    "a deployment id is a letter and 9 to 30 lower-case letters or digits",
  ),
  v.brand("DeploymentId"),
);
export const projectIdSchema = v.pipe(
  v.string(),
  v.regex(
    /^[a-z][a-z0-9]{9,30}$/,
    "a project id is a letter and 9 to 30 lower-case letters or digits",
  ),
  v.brand("ProjectId"),
);
/** A full commit SHA; branches and tags are resolved before anything is stored. */
export const commitShaSchema = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{40}$/, "a commit is named by its full 40-digit SHA"),
  v.brand("CommitSha"),
);
export const imageDigestSchema = v.pipe(
  v.string(),
  v.regex(/^sha256:[0-9a-f]{64}$/, "an image is named by its sha256 digest"),
  v.brand("ImageDigest"),
);
/** First label of a project's host: unique on the platform. */
export const slugSchema = v.pipe(
  v.string(),
  v.regex(/^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/, "a slug is a DNS label of at most 40 characters"),
  v.brand("Slug"),
);
/** `owner/name` as the source host spells it. */
export const repositorySchema = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z0-9][A-Za-z0-9-]{0,38}\/[A-Za-z0-9._-]{1,100}$/,
    "a repository is written owner/name",
  ),
  v.brand("Repository"),
);

export type DeploymentId = v.InferOutput<typeof deploymentIdSchema>;
export type ProjectId = v.InferOutput<typeof projectIdSchema>;
export type CommitSha = v.InferOutput<typeof commitShaSchema>;
export type ImageDigest = v.InferOutput<typeof imageDigestSchema>;
export type Slug = v.InferOutput<typeof slugSchema>;
export type Repository = v.InferOutput<typeof repositorySchema>;

/** Source of randomness: fills `bytes` and returns it. */
export type RandomBytes = (length: number) => Uint8Array;

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const ID_LENGTH = 14;

/** 14 base-32 characters (70 random bits), the first one a letter: fit for DNS labels and document names. */
function randomId(random: RandomBytes): string {
  const bytes = random(ID_LENGTH);
  return Array.from(bytes, (byte, at) => ALPHABET[byte % (at === 0 ? 26 : 32)]).join("");
}

export function newDeploymentId(random: RandomBytes): DeploymentId {
  return v.parse(deploymentIdSchema, randomId(random));
}

export function newProjectId(random: RandomBytes): ProjectId {
  return v.parse(projectIdSchema, randomId(random));
}

/** Turns a free name into a slug: `"My App!"` → `"my-app"`; undefined when nothing usable is left. */
export function slugFrom(name: string): Slug | undefined {
  const text = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 40)
    .replace(/-+$/, "");
  const parsed = v.safeParse(slugSchema, text);
  return parsed.success ? parsed.output : undefined;
}
