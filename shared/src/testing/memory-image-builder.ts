/** Builds in memory: started by the code under test, ended by the test. */
import type { Build, BuildRequest, ImageBuilder } from "../ports/image-builder.ts";

export class MemoryImageBuilder implements ImageBuilder {
  readonly builds = new Map<string, Build>();
  readonly requests: BuildRequest[] = [];
  /** Runs inside every start, before the build exists. */
  onStart: () => Promise<void> = async () => {};

  put(build: Partial<Build> & { readonly id: string }): Build {
    const whole: Build = {
      status: "working",
      deploymentId: null,
      attempt: null,
      pushed: [],
      outputs: [],
      detail: null,
      ...this.builds.get(build.id),
      ...build,
    };
    this.builds.set(whole.id, whole);
    return whole;
  }

  async find(deploymentId: string, attempt: number): Promise<Build | null> {
    const found = [...this.builds.values()].find(
      (build) => build.deploymentId === deploymentId && build.attempt === attempt,
    );
    return found ?? null;
  }

  async start(request: BuildRequest): Promise<Build> {
    this.requests.push(request);
    await this.onStart();
    const { deploymentId, attempt } = request;
    return this.put({ id: `build-${this.requests.length}`, deploymentId, attempt });
  }

  async get(id: string): Promise<Build | null> {
    return this.builds.get(id) ?? null;
  }

  async cancel(id: string): Promise<void> {
    if (this.builds.get(id)?.status === "working") this.put({ id, status: "cancelled" });
  }
}
