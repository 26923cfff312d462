/** The files a build packed into an image, read back from the registry. */
import type { ImageDigest, ProjectId } from "../domain/ids.ts";

export interface ImageFile {
  /** Below the app's folder: plain segments joined by slashes, never empty, never `.` or `..`. */
  readonly path: string;
  readonly size: number;
  /** To be read to its end, or left alone, before the next file is asked for. */
  readonly content: AsyncIterable<Uint8Array>;
}

export interface ImageFiles {
  /**
   * Every file in the order of the layer, which is verified against its digest by the time the iteration has ended.
   * Throws `data-corrupt` for links, special files, names that leave the folder and content that is not the digest's.
   */
  read(projectId: ProjectId, digest: ImageDigest): AsyncIterable<ImageFile>;
}
