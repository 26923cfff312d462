/** Static checks: every name, type, arity and limit, so that nothing unknown is met while deciding a request. */
import { checkExpression, type Scope } from "./check-expression.ts";
import { DOCUMENT_FUNCTIONS, GLOBAL_FUNCTIONS } from "./functions.ts";
import { LIMITS } from "./limits.ts";
import { RESERVED_NAMES } from "./names.ts";
import { RulesSyntaxError, type Position } from "./rules-syntax-error.ts";
import type { Call, FunctionDeclaration, MatchBlock, RulesTree } from "./syntax-tree.ts";

/** Returns which function of the file each call means; throws `RulesSyntaxError`. */
export function checkRules(tree: RulesTree): ReadonlyMap<Call, FunctionDeclaration> {
  const checker = new Checker();
  const outside = { functions: new Map(), captures: new Set<string>(), hasRest: false };
  checker.block(tree, { ...outside, depth: 0, segments: 0 });
  checker.refuseRecursion();
  return checker.calls;
}

interface Surroundings {
  readonly functions: ReadonlyMap<string, FunctionDeclaration>;
  readonly captures: ReadonlySet<string>;
  /** Whether one of the wildcards is recursive. */
  readonly hasRest: boolean;
  readonly depth: number;
  readonly segments: number;
}

class Checker {
  readonly calls = new Map<Call, FunctionDeclaration>();
  readonly #callees = new Map<FunctionDeclaration, Set<FunctionDeclaration>>();

  block(block: MatchBlock, outer: Surroundings): void {
    const captures = this.#captures(block, outer);
    const functions = new Map(outer.functions);
    const own = new Set<string>();
    for (const declared of block.functions) {
      this.#newName(declared.name, own, declared.at);
      if (declared.name in GLOBAL_FUNCTIONS || DOCUMENT_FUNCTIONS.has(declared.name)) {
        this.#fail(`'${declared.name}' is a built-in function`, declared.at);
      }
      functions.set(declared.name, declared);
    }
    const inner = {
      functions,
      captures,
      hasRest: outer.hasRest || block.path.some((part) => part.kind === "rest"),
      depth: outer.depth + 1,
      segments: outer.segments + block.path.length,
    };
    if (inner.depth - 1 > LIMITS.matchDepth) {
      this.#fail(`match blocks nest deeper than ${LIMITS.matchDepth}`, block.at);
    }
    if (inner.segments > LIMITS.pathSegments) {
      this.#fail(`a path of more than ${LIMITS.pathSegments} segments`, block.at);
    }
    for (const declared of block.functions) this.#function(declared, inner);
    for (const allow of block.allows) {
      if (allow.condition !== null) checkExpression(allow.condition, this.#scope(inner, null));
    }
    for (const match of block.matches) this.block(match, inner);
  }

  #captures(block: MatchBlock, outer: Surroundings): ReadonlySet<string> {
    const captures = new Set(outer.captures);
    let { hasRest } = outer;
    for (const part of block.path) {
      if (part.kind === "fixed") continue;
      this.#newName(part.capture, captures, part.at);
      if (captures.size > LIMITS.captures) {
        this.#fail(`more than ${LIMITS.captures} wildcards in one path`, part.at);
      }
      if (part.kind !== "rest") continue;
      if (hasRest) this.#fail("one path cannot have two recursive wildcards", part.at);
      hasRest = true;
    }
    return captures;
  }

  #function(declared: FunctionDeclaration, around: Surroundings): void {
    if (declared.parameters.length > LIMITS.functionArguments) {
      this.#fail(`more than ${LIMITS.functionArguments} parameters`, declared.at);
    }
    if (declared.lets.length > LIMITS.letBindings) {
      this.#fail(`more than ${LIMITS.letBindings} let bindings`, declared.at);
    }
    const locals = new Set<string>();
    for (const name of declared.parameters) this.#newName(name, locals, declared.at);
    const callees = new Set<FunctionDeclaration>();
    this.#callees.set(declared, callees);
    const scope = this.#scope(around, callees);
    for (const binding of declared.lets) {
      checkExpression(binding.value, { ...scope, variables: join(scope.variables, locals) });
      this.#newName(binding.name, locals, binding.at);
    }
    checkExpression(declared.result, { ...scope, variables: join(scope.variables, locals) });
  }

  #scope(around: Surroundings, callees: Set<FunctionDeclaration> | null): Scope {
    return {
      variables: join(around.captures, ["request", "resource"]),
      functions: around.functions,
      resolved: (call, declared) => {
        this.calls.set(call, declared);
        callees?.add(declared);
      },
      fail: (what, at) => this.#fail(what, at),
    };
  }

  #newName(name: string, taken: Set<string>, at: Position): void {
    if (RESERVED_NAMES.has(name)) this.#fail(`'${name}' is a reserved name`, at);
    if (taken.has(name)) this.#fail(`'${name}' is already defined here`, at);
    taken.add(name);
  }

  /** A function that can reach itself would only end at the call depth limit. */
  refuseRecursion(): void {
    const done = new Set<FunctionDeclaration>();
    const walk = (declared: FunctionDeclaration, path: ReadonlySet<FunctionDeclaration>): void => {
      if (path.has(declared)) this.#fail(`'${declared.name}' calls itself`, declared.at);
      if (done.has(declared)) return;
      const longer = new Set(path).add(declared);
      for (const callee of this.#callees.get(declared) ?? []) walk(callee, longer);
      done.add(declared);
    };
    for (const declared of this.#callees.keys()) walk(declared, new Set());
  }

  #fail(what: string, at: Position): never {
    throw new RulesSyntaxError(what, at);
  }
}

function join(a: Iterable<string>, b: Iterable<string>): ReadonlySet<string> {
  return new Set([...a, ...b]);
}
