/** Turns checked expressions into functions, once, when the rules are loaded. */
import { comparisonOf, isComparison } from "./compile-comparison.ts";
import { EvaluationError, UnknownValueError } from "./evaluation-error.ts";
import { DOCUMENT_FUNCTIONS, GLOBAL_FUNCTIONS, namespaceFunction } from "./functions.ts";
import { constantOf } from "./constants.ts";
import { methodsNamed } from "./methods.ts";
import { outcomeOf, type Record, type RulesObserver } from "./observer.ts";
import { OPERATIONS } from "./operators.ts";
import { readDocument } from "./read-document.ts";
import type { Frame, Run } from "./run.ts";
import { elementAt, isOfType, memberOf, pathSegments, sliceOf, truth } from "./selections.ts";
import type {
  Binary,
  Call,
  Expression,
  FunctionDeclaration,
  ListLiteral,
  Logical,
  MapLiteral,
  MethodCall,
  PathLiteral,
} from "./syntax-tree.ts";
import { bounded } from "./value-size.ts";
import { kindOf, list, map, path, type Value } from "./values.ts";

type Compilers = {
  readonly [K in Expression["kind"]]: (
    node: Extract<Expression, { readonly kind: K }>,
    locals: readonly string[],
  ) => Run;
};

/** The body of a function of the file, run with its arguments. */
type Body = (args: Value[], frame: Frame) => Value;

export class ExpressionCompiler {
  /** Which function of the file each call means, as the checker resolved it. */
  readonly #resolved: ReadonlyMap<Call, FunctionDeclaration>;
  readonly #observer: RulesObserver | null;
  readonly #bodies = new Map<FunctionDeclaration, Body>();
  readonly #compilers: Compilers;

  constructor(
    resolved: ReadonlyMap<Call, FunctionDeclaration>,
    observer: RulesObserver | null = null,
  ) {
    this.#resolved = resolved;
    this.#observer = observer;
    this.#compilers = this.#table();
  }

  /** `locals` names the slots of the frame: parameters and the `let`s before this expression. */
  compile(node: Expression, locals: readonly string[] = []): Run {
    const constant = this.#observer === null ? constantOf(node) : null;
    if (constant !== null) {
      const { value, nodes } = constant;
      return ({ decision }) => {
        decision.budget.evaluated(nodes);
        return value;
      };
    }
    // The table pairs every kind with its own node type, which an indexed call cannot express.
    const compiler = this.#compilers[node.kind] as (
      node: Expression,
      names: readonly string[],
    ) => Run;
    const run = counted(node, compiler(node, locals));
    return this.#observer === null ? run : observed(run, this.#observer.expression(node));
  }

  #each(nodes: readonly Expression[], locals: readonly string[]): (frame: Frame) => Value[] {
    const runs = nodes.map((node) => this.compile(node, locals));
    return (frame) => runs.map((run) => run(frame));
  }

  #table(): Compilers {
    return {
      literal: (node) => () => node.value,
      list: (node, locals) => this.#list(node, locals),
      map: (node, locals) => this.#map(node, locals),
      path: (node, locals) => this.#path(node, locals),
      variable: ({ name }, locals) => variable(name, locals),
      member: ({ of, name }, locals) => {
        const owner = this.compile(of, locals);
        return (frame) => memberOf(owner(frame), name);
      },
      index: ({ of, index }, locals) => {
        const [owner, at] = [this.compile(of, locals), this.compile(index, locals)];
        return (frame) => elementAt(owner(frame), at(frame));
      },
      slice: ({ of, from, to }, locals) => {
        const owner = this.compile(of, locals);
        const [begin, end] = [this.compile(from, locals), this.compile(to, locals)];
        return (frame) => sliceOf(owner(frame), begin(frame), end(frame));
      },
      not: ({ operand }, locals) => {
        const run = this.compile(operand, locals);
        return (frame) => !truth(run(frame));
      },
      negate: ({ operand }, locals) => {
        const run = this.compile(operand, locals);
        return (frame) => OPERATIONS["*"](-1n, run(frame));
      },
      conditional: (node, locals) => {
        const test = this.compile(node.test, locals);
        const [yes, no] = [this.compile(node.yes, locals), this.compile(node.no, locals)];
        return (frame) => (truth(test(frame)) ? yes(frame) : no(frame));
      },
      logical: (node, locals) => this.#logical(node, locals),
      binary: (node, locals) => this.#binary(node, locals),
      is: ({ operand, type }, locals) => {
        const run = this.compile(operand, locals);
        return (frame) => isOfType(run(frame), type);
      },
      call: (node, locals) => this.#call(node, locals),
      method: (node, locals) => this.#method(node, locals),
      namespace: ({ namespace, name, args }, locals) => {
        const builtIn = namespaceFunction(namespace, name);
        if (builtIn === undefined) throw new Error(`unchecked: ${namespace}.${name}`);
        const each = this.#each(args, locals);
        return (frame) => builtIn.run(each(frame));
      },
    };
  }

  #list({ items }: ListLiteral, locals: readonly string[]): Run {
    const each = this.#each(items, locals);
    return (frame) => bounded(list(each(frame)));
  }

  #map({ entries }: MapLiteral, locals: readonly string[]): Run {
    const keys = entries.map(([key]) => key);
    const values = entries.map(([, value]) => value);
    const each = this.#each(values, locals);
    return (frame) => {
      const found = each(frame);
      return bounded(map(keys.map((key, index) => [key, found[index] ?? null])));
    };
  }

  #path({ segments }: PathLiteral, locals: readonly string[]): Run {
    const each = this.#each(segments, locals);
    return (frame) => path(each(frame).flatMap((segment) => pathSegments(segment)));
  }

  /** Either side may decide alone: an error on the other side then does not matter. */
  #logical(node: Logical, locals: readonly string[]): Run {
    const decisive = node.operator === "||";
    const [left, right] = [this.compile(node.left, locals), this.compile(node.right, locals)];
    return (frame) => {
      let failure: EvaluationError | null = null;
      try {
        if (truth(left(frame)) === decisive) return decisive;
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
        failure = error;
      }
      const other = truth(right(frame));
      if (other === decisive || failure === null) return other;
      throw failure;
    };
  }

  #binary(node: Binary, locals: readonly string[]): Run {
    const [left, right] = [this.compile(node.left, locals), this.compile(node.right, locals)];
    if (isComparison(node)) return comparisonOf(node, left, right);
    const operation = OPERATIONS[node.operator];
    return (frame) => operation(left(frame), right(frame));
  }

  #call(node: Call, locals: readonly string[]): Run {
    const args = this.#each(node.args, locals);
    const declared = this.#resolved.get(node);
    if (declared !== undefined) {
      const body = this.#body(declared);
      return (frame) => body(args(frame), frame);
    }
    if (DOCUMENT_FUNCTIONS.has(node.name)) {
      return (frame) => readDocument(node.name, args(frame)[0] ?? null, frame.decision);
    }
    const builtIn = GLOBAL_FUNCTIONS[node.name];
    if (builtIn === undefined) throw new Error(`unchecked: ${node.name}`);
    return (frame) => builtIn.run(args(frame));
  }

  #body(declared: FunctionDeclaration): Body {
    const known = this.#bodies.get(declared);
    if (known !== undefined) return known;
    const locals = [...declared.parameters];
    const lets = declared.lets.map(({ name, value }) => {
      const run = this.compile(value, [...locals]);
      locals.push(name);
      return run;
    });
    const result = this.compile(declared.result, locals);
    const body: Body = (args, { decision, captures }) => {
      decision.budget.enter();
      try {
        const frame = { decision, captures, locals: args };
        for (const run of lets) args.push(run(frame));
        return result(frame);
      } finally {
        decision.budget.leave();
      }
    };
    this.#bodies.set(declared, body);
    return body;
  }

  #method({ of, name, args }: MethodCall, locals: readonly string[]): Run {
    const methods = methodsNamed(name, args.length);
    const owner = this.compile(of, locals);
    const each = this.#each(args, locals);
    return (frame) => {
      const receiver = owner(frame);
      const method = methods.get(kindOf(receiver));
      if (method === undefined) {
        throw new EvaluationError(`a ${kindOf(receiver)} has no method '${name}'`);
      }
      return method.run(receiver, each(frame));
    };
  }
}

function variable(name: string, locals: readonly string[]): Run {
  const slot = locals.indexOf(name);
  if (slot >= 0) return (frame) => frame.locals[slot] ?? null;
  if (name === "request") return ({ decision }) => decision.request;
  if (name === "resource") return ({ decision }) => decision.resource;
  return ({ captures }) => {
    const captured = captures.get(name);
    if (captured !== undefined) return captured;
    throw new UnknownValueError(`the query does not determine '${name}'`);
  };
}

function counted(node: Expression, run: Run): Run {
  return (frame) => {
    frame.decision.budget.evaluated();
    try {
      return run(frame);
    } catch (error) {
      if (error instanceof EvaluationError) error.at ??= node.at;
      throw error;
    }
  };
}

function observed(run: Run, record: Record): Run {
  return (frame) => {
    try {
      const value = run(frame);
      record(outcomeOf(value));
      return value;
    } catch (error) {
      if (error instanceof EvaluationError) record("error");
      throw error;
    }
  };
}
