/** Reads variables and checks them; the first that is wrong is told in one line, and then nothing else matters. */
import { Bytes, bytesOf, isPrintable, isVisible } from "../wire/bytes.ts";
import * as host from "../host.ts";

/** The longest value of any variable. */
const MAX_VALUE: i32 = 512;
/** How much of a wrong value is quoted. */
const MAX_QUOTED: i32 = 80;
const MAX_DIGITS: i32 = 15;
const SLASH: i32 = 47;
const QUESTION_MARK: i32 = 63;
const VISIBLE = "must be printable ASCII without blanks";
const FORBIDDEN_IN_IDS = bytesOf('"\\/?#%');
/** Takes what is written after a second problem. */
const NOWHERE = new Bytes(0);

export class Environment {
  /** What is wrong; empty = nothing so far. */
  readonly problem: Bytes = new Bytes(512);
  private readonly name: Bytes = new Bytes(64);
  private readonly value: Bytes = new Bytes(MAX_VALUE);

  isFine(): bool {
    return this.problem.length === 0;
  }

  /** Empty when it is not set. */
  optional(name: string, most: i32): Bytes {
    const value = this.read(name, most);
    for (let i: i32 = 0; i < value.length; i++) {
      if (!isPrintable(value.at(i))) this.refuseValue(name, "must be printable ASCII");
    }
    return value;
  }

  /** Without blanks: these values go into HTTP heads. */
  visible(name: string, most: i32): Bytes {
    const value = this.required(name, most);
    for (let i: i32 = 0; i < value.length; i++) {
      if (!isVisible(value.at(i))) this.refuseValue(name, VISIBLE);
    }
    return value;
  }

  /** The same, and never quoted. */
  secret(name: string, most: i32): Bytes {
    const value = this.required(name, most);
    for (let i: i32 = 0; i < value.length; i++) {
      if (!isVisible(value.at(i))) this.refuse(name, VISIBLE);
    }
    return value;
  }

  /** Goes into JSON and into an address as it is. */
  id(name: string, most: i32): Bytes {
    const value = this.visible(name, most);
    for (let i: i32 = 0; i < value.length; i++) {
      if (FORBIDDEN_IN_IDS.indexOf(value.at(i), 0) >= 0) {
        this.refuseValue(name, 'must be an id, without "\\/?#%');
      }
    }
    return value;
  }

  path(name: string, most: i32): Bytes {
    const value = this.visible(name, most);
    if (value.length > 0 && value.at(0) !== SLASH) this.refuseValue(name, "must start with /");
    return value;
  }

  /** An address the host can connect to. */
  address(name: string, most: i32): Bytes {
    const value = this.visible(name, most);
    if (this.isFine() && !host.canOpen(value)) {
      this.refuseValue(name, "must be an IP address: this build does not resolve names");
    }
    return value;
  }

  /** `byDefault` < 0 = it must be set. */
  wholeNumber(name: string, least: f64, most: f64, byDefault: f64): f64 {
    const text = this.read(name, MAX_VALUE);
    if (text.length === 0 && byDefault >= 0) return byDefault;
    if (text.length === 0) this.refuse(name, "is not set");
    const isNumber = text.length <= MAX_DIGITS && text.digitsEnd(0) === text.length;
    const value: f64 = isNumber ? text.numberAt(0) : -1;
    if (this.isFine() && (value < least || value > most)) {
      this.refuse(name, "must be a whole number from ").number(least).text(" to ").number(most);
      this.quote();
    }
    return value;
  }

  /** Begins the line about `name`; of several problems the first stays. */
  refuse(name: string, what: string): Bytes {
    if (!this.isFine()) return NOWHERE.clear();
    return this.problem.text(name).text(" ").text(what);
  }

  /** The same, and quotes what was found. */
  refuseValue(name: string, what: string): void {
    const isFirst = this.isFine();
    this.refuse(name, what);
    if (isFirst) this.quote();
  }

  private quote(): void {
    const value = this.value;
    this.problem.text(", found ");
    for (let i: i32 = 0; i < value.length && i < MAX_QUOTED; i++) {
      this.problem.byte(isPrintable(value.at(i)) ? value.at(i) : QUESTION_MARK);
    }
    if (value.length > MAX_QUOTED) this.problem.text("...");
  }

  private required(name: string, most: i32): Bytes {
    const value = this.read(name, most);
    if (value.length === 0) this.refuse(name, "is not set");
    return value;
  }

  private read(name: string, most: i32): Bytes {
    const length = host.env(this.name.clear().text(name), this.value);
    if (length > most) {
      this.refuse(name, "may have at most ").number(most as f64);
      this.problem.text(" characters, found ").number(length as f64);
    }
    return new Bytes(this.value.length).append(this.value);
  }
}
