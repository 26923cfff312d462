/** The frame of a rules file: version, service, match blocks, functions, allow statements. */
import type { Token } from "./lexer.ts";
import { parseExpression } from "./parse-expression.ts";
import { parseFixedSegment } from "./parse-primary.ts";
import type {
  Allow,
  FunctionDeclaration,
  LetBinding,
  MatchBlock,
  Method,
  PathPattern,
  RulesTree,
} from "./syntax-tree.ts";
import { TokenReader } from "./token-reader.ts";
import { unquote } from "./unquote.ts";

const METHODS = new Map<string, readonly Method[]>([
  ["get", ["get"]],
  ["list", ["list"]],
  ["create", ["create"]],
  ["update", ["update"]],
  ["delete", ["delete"]],
  ["read", ["get", "list"]],
  ["write", ["create", "update", "delete"]],
]);

/** The tree of the file; throws `RulesSyntaxError`. Names are not resolved yet. */
export function parseRules(source: string): RulesTree {
  const reader = new TokenReader(source);
  parseVersion(reader);
  const at = reader.expect("service");
  const name = [reader.expectName("a service name").text];
  while (reader.accept(".")) name.push(reader.expectName("a service name").text);
  if (name.join(".") !== "cloud.firestore") {
    reader.fail(`service '${name.join(".")}' is not supported: only cloud.firestore is`, at);
  }
  const tree = parseBlock(reader, at, []);
  if (reader.peek().kind !== "end") {
    reader.fail(`expected the end of the file, found ${reader.shown()}`);
  }
  return tree;
}

function parseVersion(reader: TokenReader): void {
  if (!reader.is("rules_version")) {
    reader.fail(`the file must begin with rules_version = '2';, found ${reader.shown()}`);
  }
  reader.take();
  reader.expect("=");
  const version = reader.take();
  if (version.kind !== "string" || unquote(version) !== "2") {
    reader.fail(`only rules_version = '2' is supported, found ${version.text}`, version);
  }
  reader.expect(";");
}

function parseBlock(reader: TokenReader, at: Token, path: readonly PathPattern[]): MatchBlock {
  const functions: FunctionDeclaration[] = [];
  const allows: Allow[] = [];
  const matches: MatchBlock[] = [];
  reader.expect("{");
  while (!reader.accept("}")) {
    if (reader.is("match")) matches.push(reader.nested(() => parseMatch(reader)));
    else if (reader.is("allow")) allows.push(parseAllow(reader));
    else if (reader.is("function")) functions.push(parseFunction(reader));
    else reader.fail(`expected 'match', 'allow', 'function' or '}', found ${reader.shown()}`);
  }
  return { at, path, functions, allows, matches };
}

function parseMatch(reader: TokenReader): MatchBlock {
  const at = reader.expect("match");
  const path: PathPattern[] = [];
  while (reader.accept("/")) path.push(parsePattern(reader));
  if (path.length === 0) reader.fail(`expected a path beginning with '/', found ${reader.shown()}`);
  return parseBlock(reader, at, path);
}

function parsePattern(reader: TokenReader): PathPattern {
  if (!reader.accept("{")) return { kind: "fixed", text: parseFixedSegment(reader) };
  const at = reader.expectName("a name for the wildcard");
  const rest = reader.accept("=");
  if (rest) reader.expect("**");
  reader.expect("}");
  return { kind: rest ? "rest" : "one", at, capture: at.text };
}

function parseAllow(reader: TokenReader): Allow {
  const at = reader.expect("allow");
  const methods = new Set<Method>();
  do {
    const name = reader.expectName("a method");
    const meant = METHODS.get(name.text);
    if (meant === undefined) {
      reader.fail(`unknown method '${name.text}': use ${[...METHODS.keys()].join(", ")}`, name);
    }
    for (const method of meant) methods.add(method);
  } while (reader.accept(","));
  let condition = null;
  if (reader.accept(":")) {
    reader.expect("if");
    condition = parseExpression(reader);
  }
  reader.expect(";");
  return { at, methods, condition };
}

function parseFunction(reader: TokenReader): FunctionDeclaration {
  reader.expect("function");
  const name = reader.expectName("a function name");
  reader.expect("(");
  const parameters = reader.listUntil(")", () => reader.expectName("a parameter name").text);
  reader.expect("{");
  const lets: LetBinding[] = [];
  while (reader.is("let")) lets.push(parseLet(reader));
  reader.expect("return");
  const result = parseExpression(reader);
  reader.expect(";");
  reader.expect("}");
  return { at: name, name: name.text, parameters, lets, result };
}

function parseLet(reader: TokenReader): LetBinding {
  reader.expect("let");
  const name = reader.expectName("a variable name");
  reader.expect("=");
  const value = parseExpression(reader);
  reader.expect(";");
  return { at: name, name: name.text, value };
}
