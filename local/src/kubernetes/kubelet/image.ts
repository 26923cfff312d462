/** What the kubelet needs to know of images: it never pulls by itself. */

export interface ImageConfig {
  readonly cmd: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly user?: string;
}

/**
 * An unpacked image, shown read-only at the same paths: beside the host's toolchain, or, when it brings /bin or
 * /usr/bin, as the whole system.
 */
export interface PulledImage {
  readonly rootDir: string;
  readonly layersDigest: string;
  readonly config: ImageConfig;
}

/** A program of the platform that stands for an image, for example the sidecar; it runs without a sandbox. */
export interface PlatformImage {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}
