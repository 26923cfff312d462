/** Variables of a running routine: nested scopes for loops and `except`, guarded ones for parallel branches. */
import type { MemoryMeter } from "./limits.ts";
import type { Value } from "./value.ts";
import { sizeOf } from "./value.ts";
import { raised } from "./workflow-error.ts";

interface Variable {
  value: Value;
  bytes: number;
}

export class Scope {
  readonly #variables = new Map<string, Variable>();
  readonly #parent: Scope | undefined;
  readonly #meter: MemoryMeter;
  /** Variables of outer scopes that may be written from here; undefined = all (not a parallel branch). */
  readonly #shared: ReadonlySet<string> | undefined;

  private constructor(meter: MemoryMeter, parent?: Scope, shared?: ReadonlySet<string>) {
    this.#meter = meter;
    this.#parent = parent;
    this.#shared = shared;
  }

  static root(meter: MemoryMeter): Scope {
    return new Scope(meter);
  }

  /** A scope for one loop iteration or an `except` block: what is new inside ends with it. */
  child(): Scope {
    return new Scope(this.#meter, this);
  }

  /** A scope for a parallel branch: outer variables can be read, and written only when shared. */
  branch(shared: ReadonlySet<string>): Scope {
    return new Scope(this.#meter, this, shared);
  }

  /** @throws WorkflowError `KeyError` when no scope holds the variable. */
  read(name: string): Value {
    const variable = this.#find(name);
    if (variable === undefined) throw raised("KeyError", `variable not found: ${name}`);
    return variable.value;
  }

  /** Writes the variable where it lives, or creates it here. */
  write(name: string, value: Value): void {
    const own = this.#variables.get(name);
    if (own !== undefined) return this.#update(own, value);
    const outer = this.#findForWriting(name);
    if (outer !== undefined) return this.#update(outer, value);
    return this.declare(name, value);
  }

  /** Creates or replaces the variable in this very scope, hiding an outer one of that name. */
  declare(name: string, value: Value): void {
    const own = this.#variables.get(name);
    if (own !== undefined) return this.#update(own, value);
    const bytes = name.length + sizeOf(value);
    this.#meter.change(bytes);
    this.#variables.set(name, { value, bytes });
  }

  /** Gives the memory of this scope back; nothing may use it afterwards. */
  release(): void {
    for (const variable of this.#variables.values()) this.#meter.change(-variable.bytes);
    this.#variables.clear();
  }

  #find(name: string): Variable | undefined {
    const own = this.#variables.get(name);
    if (own !== undefined || this.#parent === undefined) return own;
    return this.#parent.#find(name);
  }

  #findForWriting(name: string): Variable | undefined {
    const own = this.#variables.get(name);
    if (own !== undefined || this.#parent === undefined) return own;
    const outer = this.#parent.#findForWriting(name);
    if (outer !== undefined && this.#shared !== undefined && !this.#shared.has(name)) {
      throw raised(
        "TypeError",
        `a parallel branch may not write "${name}": list it under "shared" of the parallel step`,
      );
    }
    return outer;
  }

  #update(variable: Variable, value: Value): void {
    const bytes = sizeOf(value);
    this.#meter.change(bytes - variable.bytes);
    variable.value = value;
    variable.bytes = bytes;
  }
}
