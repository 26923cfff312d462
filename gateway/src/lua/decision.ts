/**
 * The decisions a script came to so far, as the paths of a trie: each node is one operation after its parent, checked when it
 * is first seen, and has the outcome of its whole path once somebody asks. Ids only grow: whoever cached by id never gets a
 * stranger's decision.
 */
import { type PolicyAnswer, type PolicyOutcome, UNTOUCHED } from "../policies/policy-chain.ts";
import { headerEdit, type HeaderOperation } from "./header-edit.ts";
import { OPERATION, type OperationCode } from "./prelude.ts";
import { checkOperation, statusOf } from "./check-operation.ts";
import { HostRefusal } from "./lua-stack.ts";

interface DecisionNode {
  readonly parent: DecisionNode | null;
  readonly operation: OperationCode | null;
  readonly name: string;
  readonly value: string;
  readonly phase: "request" | "response";
  readonly depth: number;
  outcome: PolicyOutcome | null;
}

/** More nodes, or more text in them, and the trie starts anew. */
const MAX_NODES = 4096;
const MAX_BYTES = 512 * 1024;
const MAX_OPERATIONS = 64;

export class DecisionTrie {
  private nodes: DecisionNode[] = [];
  private firstId = 0;
  private bytes = 0;

  constructor() {
    this.reset();
  }

  get isFull(): boolean {
    return this.nodes.length > MAX_NODES || this.bytes > MAX_BYTES;
  }

  /** Forgets all decisions; the next ids are for the roots of both phases. */
  reset(): void {
    this.firstId += this.nodes.length;
    this.nodes = [rootOf("request"), rootOf("response")];
    this.bytes = 0;
  }

  get requestRoot(): number {
    return this.firstId;
  }

  get responseRoot(): number {
    return this.firstId + 1;
  }

  /** The id of a new node; throws HostRefusal when the operation is not allowed. */
  define(code: number, parentId: number, name: string, value: string): number {
    const parent = this.nodes[parentId - this.firstId];
    const operation = checkOperation(code, parent?.phase ?? null, name, value);
    if (parent === undefined) throw new Error(`decision ${parentId} is not known`);
    checkDepth(parent.depth);
    this.nodes.push({
      parent,
      operation,
      name,
      value,
      phase: parent.phase,
      depth: parent.depth + 1,
      outcome: null,
    });
    this.bytes += name.length + value.length;
    return this.firstId + this.nodes.length - 1;
  }

  outcome(id: number): PolicyOutcome {
    const node = this.nodes[id - this.firstId];
    if (node === undefined) throw new Error(`decision ${id} is not known`);
    return (node.outcome ??= outcomeOf(node));
  }
}

function rootOf(phase: DecisionNode["phase"]): DecisionNode {
  return {
    parent: null,
    operation: null,
    name: "",
    value: "",
    phase,
    depth: 0,
    outcome: UNTOUCHED,
  };
}

function checkDepth(depth: number): void {
  if (depth >= MAX_OPERATIONS) {
    throw new HostRefusal(`a decision has at most ${MAX_OPERATIONS} operations`);
  }
}

/** What the operations of a path come to, one after another. */
interface Draft {
  readonly request: HeaderOperation[];
  readonly response: HeaderOperation[];
  target: string | null;
  path: string | null;
  answer: PolicyAnswer | null;
  contentType: string;
}

const APPLY: Readonly<Record<OperationCode, (draft: Draft, name: string, value: string) => void>> =
  {
    [OPERATION.setRequest]: ({ request }, name, value) =>
      void request.push({ kind: "set", name, value }),
    [OPERATION.removeRequest]: ({ request }, name) => void request.push({ kind: "remove", name }),
    [OPERATION.setResponse]: ({ response }, name, value) =>
      void response.push({ kind: "set", name, value }),
    [OPERATION.removeResponse]: ({ response }, name) =>
      void response.push({ kind: "remove", name }),
    [OPERATION.addResponse]: ({ response }, name, value) =>
      void response.push({ kind: "add", name, value }),
    [OPERATION.usePath]: (draft, path) => void (draft.path = path),
    [OPERATION.useTarget]: (draft, target) => void (draft.target = target),
    [OPERATION.contentType]: (draft, type) => void (draft.contentType = type),
    [OPERATION.deny]: (draft, status, body) =>
      void (draft.answer = denial(status, body, draft.contentType)),
    [OPERATION.redirect]: (draft, status, location) =>
      void (draft.answer = {
        status: statusOf(status) ?? 302,
        headers: `location: ${location}\r\n`,
        body: "",
      }),
  };

function outcomeOf(last: DecisionNode): PolicyOutcome {
  const path: DecisionNode[] = [];
  for (let node: DecisionNode | null = last; node !== null; node = node.parent) path.push(node);
  const draft: Draft = {
    request: [],
    response: [],
    target: null,
    path: null,
    answer: null,
    contentType: "text/plain; charset=utf-8",
  };
  for (const { operation, name, value } of path.toReversed()) {
    if (operation !== null) APPLY[operation](draft, name, value);
  }
  return {
    answer: draft.answer,
    request: headerEdit(draft.request),
    response: headerEdit(draft.response),
    target: draft.target,
    path: draft.path,
  };
}

function denial(status: string, body: string, contentType: string): PolicyAnswer {
  const headers = body === "" ? "" : `content-type: ${contentType}\r\n`;
  return { status: statusOf(status) ?? 500, headers, body };
}
