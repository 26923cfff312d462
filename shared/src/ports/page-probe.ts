/** Asks for a page of a deployment as its visitors do: through the gateway. */
export interface PageRequest {
  /** `<deployment id>.<domain>`, with the port if it is not the default one. */
  readonly host: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export interface PageProbe {
  /** The status of the answer; null when nothing answered in time. */
  statusOf(request: PageRequest): Promise<number | null>;
}
