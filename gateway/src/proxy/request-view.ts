/** A request as policies and sticky splits see it; header values are looked up only when asked for. */
import type { PolicyRequest } from "../policies/policy-chain.ts";
import { fieldIn } from "./header-block.ts";
import type { RequestHead } from "./parse-head.ts";

export class RequestView implements PolicyRequest {
  readonly ip: string;
  readonly scheme: "http" | "https";
  readonly id: string;
  readonly projectId: string;
  private readonly head: RequestHead;

  constructor(head: RequestHead, facts: Pick<PolicyRequest, "ip" | "scheme" | "id" | "projectId">) {
    this.head = head;
    this.ip = facts.ip;
    this.scheme = facts.scheme;
    this.id = facts.id;
    this.projectId = facts.projectId;
  }

  get method(): string {
    return this.head.method;
  }

  get target(): string {
    return this.head.target;
  }

  get host(): string {
    return this.head.host;
  }

  header(name: string): string | undefined {
    return name === "host" ? this.head.authority : fieldIn(this.head.forwarded, name);
  }
}
