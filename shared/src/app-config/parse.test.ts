import { describe, expect, it } from "vitest";
import type { AppConfig } from "./app-config.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { DIAGNOSTIC_CODES } from "./diagnostic.ts";
import { parseAppConfig } from "./parse.ts";

function configOf(source: string | Uint8Array): AppConfig {
  const result = parseAppConfig(source);
  if (result.ok) return result.config;
  throw new Error(result.diagnostics.map(({ message }) => message).join("\n"));
}

function diagnosticsOf(source: string | Uint8Array): readonly Diagnostic[] {
  const result = parseAppConfig(source);
  return result.ok ? [] : result.diagnostics;
}

/** `2:8+10 bad-format app.name`: place, length, code and path of each error. */
function briefly(source: string | Uint8Array): string[] {
  return diagnosticsOf(source).map(({ line, column, length, code, path }) =>
    `${line}:${column}+${length} ${code} ${path}`.trim(),
  );
}

const NODE = '[app]\nname = "shop"\nruntime = "node"\n';
const STATIC = '[app]\nname = "site"\nruntime = "static"\n';
const DOCKER = '[app]\nname = "boxed"\nruntime = "docker"\n';

describe("a valid deploy.toml", () => {
  it("needs a name and a runtime; every other value has a default", () => {
    expect(configOf(NODE)).toEqual({
      runtime: "node",
      app: { name: "shop", port: 8080, root: "." },
      build: { command: null, output: "." },
      run: { command: "npm start" },
      scaling: { minReplicas: 1, maxReplicas: 3, cpuTarget: 70 },
      health: {
        path: "/healthz",
        interval: { text: "30s", ms: 30_000 },
        timeout: { text: "5s", ms: 5000 },
        successThreshold: 2,
        failureThreshold: 3,
        watch: { text: "60s", ms: 60_000 },
        rollback: true,
      },
      resources: {
        cpu: { text: "250m", millis: 250 },
        memory: { text: "128Mi", bytes: 134_217_728 },
      },
      env: {},
    });
  });

  it("is the example that everybody starts from", () => {
    const config = configOf(`[app]
name = "bifrost-test"
runtime = "go"
[scaling]
min_replicas = 1
max_replicas = 3
cpu_target = 70
[health]
path = "/healthz"
interval = "30s"
timeout = "5s"
[resources]
cpu = "250m"
memory = "128Mi"
[env]
LOG_LEVEL = "info"
`);
    expect(config).toMatchObject({
      runtime: "go",
      build: { command: "go build -o app ." },
      run: { command: "./app" },
      env: { LOG_LEVEL: "info" },
    });
  });

  it("of a static site has no command and is probed at its front page", () => {
    const config = configOf(`${STATIC}[static]\ndir = "public"\nspa = true\n`);
    expect(config).toMatchObject({
      runtime: "static",
      static: { dir: "public", spa: true },
      health: { path: "/" },
    });
    expect("run" in config).toBe(false);
  });

  it("of a Dockerfile starts what the image says unless it names a command", () => {
    expect(configOf(DOCKER)).toMatchObject({
      build: { dockerfile: "Dockerfile" },
      run: { command: null },
    });
    expect(configOf(`${DOCKER}[run]\ncommand = "serve"\n`)).toMatchObject({
      run: { command: "serve" },
    });
  });

  it("may raise one bound: the default of the other follows", () => {
    expect(configOf(`${NODE}[scaling]\nmin_replicas = 5\n`).scaling.maxReplicas).toBe(5);
    expect(configOf(`${NODE}[health]\ninterval = "2s"\n`).health.timeout.ms).toBe(2000);
  });

  it.each([
    ["30s", "60s"],
    ["31s", "62s"],
    ["1500ms", "60s"],
    ["10m", "20m"],
  ])("with an interval of %s, is watched for %s by default", (interval, watch) => {
    const { health } = configOf(`${NODE}[health]\ninterval = "${interval}"\n`);
    expect(health.watch.text).toBe(watch);
  });

  it.each(["0s", "30s", "1h"])("may be watched for %s", (watch) => {
    expect(configOf(`${NODE}[health]\nwatch = "${watch}"\n`).health.watch.text).toBe(watch);
  });

  it.each([
    ["CRLF line ends", NODE.replaceAll("\n", "\r\n")],
    ["a byte order mark", `\uFEFF${NODE}`],
    ["bytes with a byte order mark", new TextEncoder().encode(`\uFEFF${NODE}`)],
    ["dotted keys", 'app.name = "shop"\napp.runtime = "node"'],
    ["inline tables", 'app = {name = "shop", runtime = "node"}'],
    ["quoted keys", '["app"]\n"name" = "shop"\n\'runtime\' = "node"'],
    ["comments and blank lines", `# top\n\n${NODE}# end`],
  ])("may be written with %s", (_, source) => {
    expect(configOf(source)).toEqual(configOf(NODE));
  });

  it.each(["1", "0.5", "8", "50m", "8000m"])("may ask for %s CPU", (cpu) => {
    expect(parseAppConfig(`${NODE}[resources]\ncpu = "${cpu}"\n`).ok).toBe(true);
  });

  it.each(["32Mi", "16Gi", "500M", "1G", "67108864", "40000Ki"])(
    "may ask for %s of memory",
    (memory) => {
      expect(parseAppConfig(`${NODE}[resources]\nmemory = "${memory}"\n`).ok).toBe(true);
    },
  );
});

const bad = (line: string): string => NODE + line;

describe("an error", () => {
  const cases: readonly (readonly [string, string | Uint8Array, readonly string[]])[] = [
    // the file
    ["more than 64 KiB", `# ${"x".repeat(65_536)}`, ["1:1+1 file-too-large"]],
    ["bytes that are not text", new Uint8Array([97, 10, 98, 0xc3, 0x28]), ["2:2+1 not-utf8"]],
    ["an empty file", "", ["1:1+1 missing-key app"]],
    // syntax
    ["an open string", '[app]\nname = "x\n', ["2:10+1 bad-syntax"]],
    ["an unclosed header", "[app\nx = 1\n", ["1:5+1 bad-syntax"]],
    ["text after a header", "[app] x\n", ["1:7+1 bad-syntax"]],
    ["no equals sign", bad("port 8080\n"), ["4:6+1 bad-syntax"]],
    ["no key", bad("= 3\n"), ["4:1+1 bad-syntax"]],
    ["no value", bad("port =\n"), ["4:7+1 bad-syntax"]],
    ["a bare word", bad("root = web\n"), ["4:8+1 bad-syntax"]],
    ["a leading zero", bad("port = 080\n"), ["4:8+1 bad-syntax"]],
    ["two values", bad("port = 1 2\n"), ["4:10+1 bad-syntax"]],
    ["a wrong escape", bad('root = "\\q"\n'), ["4:9+1 bad-syntax"]],
    ["a control character", bad('root = "\u0001"\n'), ["4:9+1 bad-syntax"]],
    ["an impossible date", bad("root = 1979-13-01\n"), ["4:8+1 bad-syntax"]],
    ["an open array", bad("root = [1,\n2\n"), ["6:1+1 bad-syntax"]],
    ["a line end of old", "a = 1\rb = 2", ["1:7+1 bad-syntax"]],
    ["several bad lines", bad("port 8080\nroot = web\n"), ["4:6+1 bad-syntax", "5:8+1 bad-syntax"]],
    ["a key twice", bad('name = "x"\n'), ["4:1+4 duplicate-key"]],
    ["a table twice", bad("[run]\n[run]\n"), ["5:1+5 duplicate-key"]],
    ["a huge integer", bad("port = 99999999999999999999\n"), ["4:8+1 number-too-large"]],
    ["deep nesting", `a = ${"[".repeat(40)}${"]".repeat(40)}`, ["1:21+1 too-deep"]],
    // names
    ["an unknown table", bad("[helth]\n"), ["4:2+5 unknown-table helth"]],
    ["an unknown array of tables", bad("[[routes]]\n"), ["4:3+6 unknown-key routes"]],
    ["an unknown key", bad("prot = 1\n"), ["4:1+4 unknown-key app.prot"]],
    ["a key outside its table", `port = 1\n${NODE}`, ["1:1+4 unknown-key port"]],
    ["a prototype key", bad("__proto__ = 1\n"), ["4:1+9 unknown-key app.__proto__"]],
    ["a constructor key", `constructor = 2\n${NODE}`, ["1:1+11 unknown-key constructor"]],
    ["a value in place of a table", `run = 3\n${NODE}`, ["1:1+3 wrong-type run"]],
    ["a table in place of a value", bad("[app.port]\n"), ["4:2+8 wrong-type app.port"]],
    ["a missing name", '[app]\nruntime = "node"\n', ["1:2+3 missing-key app.name"]],
    ["a missing runtime", '[app]\nname = "x"\n', ["1:2+3 missing-key app.runtime"]],
    // values
    ["an upper-case name", bad("").replace("shop", "Shop"), ["2:8+6 bad-format app.name"]],
    ["an unknown runtime", bad("").replace("node", "cobol"), ["3:11+7 unknown-value app.runtime"]],
    [
      "a runtime that is no word",
      bad("").replace('"node"', "3"),
      ["3:11+1 wrong-type app.runtime"],
    ],
    ["port zero", bad("port = 0\n"), ["4:8+1 out-of-range app.port"]],
    ["a port as text", bad('port = "8080"\n'), ["4:8+6 wrong-type app.port"]],
    ["a port with a fraction", bad("port = 80.5\n"), ["4:8+4 wrong-type app.port"]],
    ["a port that is not a number", bad("port = nan\n"), ["4:8+3 wrong-type app.port"]],
    ["a root outside", bad('root = "a/../../b"\n'), ["4:8+11 bad-format app.root"]],
    ["an absolute root", bad('root = "/srv"\n'), ["4:8+6 bad-format app.root"]],
    ["an empty command", bad('[run]\ncommand = " "\n'), ["5:11+3 bad-format run.command"]],
    [
      "a command too long",
      bad(`[run]\ncommand = "${"x".repeat(4097)}"\n`),
      ["5:11+4099 out-of-range run.command"],
    ],
    [
      "too many replicas",
      bad("[scaling]\nmax_replicas = 51\n"),
      ["5:16+2 out-of-range scaling.max_replicas"],
    ],
    [
      "a health path without a slash",
      bad('[health]\npath = "ok"\n'),
      ["5:8+4 bad-format health.path"],
    ],
    [
      "a health path with a space",
      bad('[health]\npath = "/a b"\n'),
      ["5:8+6 bad-format health.path"],
    ],
    [
      "a time without a unit",
      bad("[health]\ninterval = 30\n"),
      ["5:12+2 wrong-type health.interval"],
    ],
    ["a time in days", bad('[health]\nwatch = "1d"\n'), ["5:9+4 bad-format health.watch"]],
    [
      "a threshold no probe can meet",
      bad("[health]\nsuccess_threshold = 0\n"),
      ["5:21+1 out-of-range health.success_threshold"],
    ],
    [
      "a threshold too high",
      bad("[health]\nfailure_threshold = 11\n"),
      ["5:21+2 out-of-range health.failure_threshold"],
    ],
    [
      "an opt-out in words",
      bad('[health]\nrollback = "never"\n'),
      ["5:12+7 wrong-type health.rollback"],
    ],
    ["a time too long", bad('[health]\nwatch = "2h"\n'), ["5:9+4 out-of-range health.watch"]],
    ["CPU in words", bad('[resources]\ncpu = "two"\n'), ["5:7+5 bad-format resources.cpu"]],
    ["too little CPU", bad('[resources]\ncpu = "49m"\n'), ["5:7+5 out-of-range resources.cpu"]],
    [
      "too much memory",
      bad('[resources]\nmemory = "17Gi"\n'),
      ["5:10+6 out-of-range resources.memory"],
    ],
    [
      "memory in milli-bytes",
      bad('[resources]\nmemory = "128m"\n'),
      ["5:10+6 bad-format resources.memory"],
    ],
    ["a flag as text", `${STATIC}[static]\nspa = "true"\n`, ["5:7+6 wrong-type static.spa"]],
    [
      "a date as a name",
      bad("").replace('"shop"', "1979-05-27T00:00:00Z"),
      ["2:8+20 wrong-type app.name"],
    ],
    ["a day as a name", bad("").replace('"shop"', "1979-05-27"), ["2:8+10 wrong-type app.name"]],
    // environment
    ["a date in env", bad("[env]\nDAY = 1979-05-27\n"), ["5:7+10 wrong-type env.DAY"]],
    ["a time in env", bad("[env]\nAT = 07:32:00\n"), ["5:6+8 wrong-type env.AT"]],
    ["a number in env", bad("[env]\nLEVEL = 3\n"), ["5:9+1 wrong-type env.LEVEL"]],
    ["a table in env", bad("[env.sub]\nx = 1\n"), ["4:2+7 wrong-type env.sub"]],
    ["a hyphen in a name", bad('[env]\n"a-b" = "x"\n'), ["5:1+5 bad-env-name env.a-b"]],
    ["a prototype variable", bad('[env]\n__proto__ = "x"\n'), ["5:1+9 bad-env-name env.__proto__"]],
    [
      "a constructor variable",
      bad('[env]\nconstructor = "x"\n'),
      ["5:1+11 bad-env-name env.constructor"],
    ],
    ["the port as a variable", bad('[env]\nPORT = "1"\n'), ["5:1+4 reserved-env-name env.PORT"]],
    [
      "a platform variable",
      bad('[env]\nBIFROST_X = "1"\n'),
      ["5:1+9 reserved-env-name env.BIFROST_X"],
    ],
    ["a zero character", bad('[env]\nA = "\\u0000"\n'), ["5:5+8 bad-format env.A"]],
    ["too much env", bad(`[env]\nA = "${"x".repeat(32_768)}"\n`), ["4:2+3 env-too-large env"]],
    // across fields
    [
      "a Dockerfile for node",
      bad('[build]\ndockerfile = "D"\n'),
      ["5:1+10 not-for-runtime build.dockerfile"],
    ],
    [
      "a build command for docker",
      `${DOCKER}[build]\ncommand = "x"\n`,
      ["5:1+7 not-for-runtime build.command"],
    ],
    ["[static] for node", bad("[static]\nspa = true\n"), ["4:2+6 not-for-runtime static"]],
    ["[run] for static", `${STATIC}[run]\ncommand = "x"\n`, ["4:2+3 not-for-runtime run"]],
    ["no command for rust", bad("").replace("node", "rust"), ["3:11+6 missing-key run.command"]],
    [
      "more at least than at most",
      bad("[scaling]\nmin_replicas = 5\nmax_replicas = 2\n"),
      ["6:16+1 contradiction scaling.max_replicas"],
    ],
    [
      "a probe longer than its interval",
      bad('[health]\ninterval = "5s"\ntimeout = "6s"\n'),
      ["6:11+4 contradiction health.timeout"],
    ],
    [
      "a probe longer than the default interval",
      bad('[health]\ntimeout = "40s"\n'),
      ["5:11+5 contradiction health.timeout"],
    ],
    [
      "a watch too short for a probe",
      bad('[health]\ninterval = "2m"\nwatch = "90s"\n'),
      ["6:9+5 contradiction health.watch"],
    ],
    [
      "a watch shorter than the default interval",
      bad('[health]\nwatch = "29s"\n'),
      ["5:9+5 contradiction health.watch"],
    ],
    [
      "an interval that cannot be read, and nothing about the watch beside it",
      bad('[health]\ninterval = "1d"\nwatch = "1s"\n'),
      ["5:12+4 bad-format health.interval"],
    ],
  ];

  it.each(cases)("is placed and coded: %s", (_, source, expected) => {
    expect(briefly(source)).toEqual(expected);
  });

  it("of every code appears in these cases", () => {
    const seen = new Set(cases.flatMap(([, , rows]) => rows.map((row) => row.split(" ")[1])));
    const expected = Object.keys(DIAGNOSTIC_CODES).filter((code) => code !== "too-many-errors");
    expect(expected.filter((code) => !seen.has(code))).toEqual([]);
  });

  it("does not hide the others: all come at once, in the order of the file", () => {
    const source = `[app]
name = "Bad Name"
runtime = "cobol"
extra = 1

[scaling]
min_replicas = 5
max_replicas = 2

[resources]
cpu = "two"

[env]
LOG_LEVEL = 3
`;
    expect(briefly(source)).toEqual([
      "2:8+10 bad-format app.name",
      "3:11+7 unknown-value app.runtime",
      "4:1+5 unknown-key app.extra",
      "8:16+1 contradiction scaling.max_replicas",
      "11:7+5 bad-format resources.cpu",
      "14:13+1 wrong-type env.LOG_LEVEL",
    ]);
  });

  it("of syntax does not hide wrong values, nor make up missing keys", () => {
    expect(briefly('[app]\nname = "x\nruntime = "cobol"\n')).toEqual([
      "2:10+1 bad-syntax",
      "3:11+7 unknown-value app.runtime",
    ]);
  });

  it("is at the same place with CRLF line ends and after a byte order mark", () => {
    const source = bad('[health]\r\nwatch = "2h"\r\n').replaceAll(/\r?\n/g, "\r\n");
    expect(briefly(`\uFEFF${source}`)).toEqual(["5:9+4 out-of-range health.watch"]);
  });

  it.each([
    ['runtime = "nodejs"', 'write runtime = "node"'],
    ['runtime = "pyhton"', 'write runtime = "python"'],
    ['name = "My Shop!"', 'write name = "my-shop"'],
    ["prot = 1", 'did you mean "port"?'],
    ['memory = "1Gi"', "it belongs under [resources]"],
    ['port = "8080"', "write port = 8080"],
    ["[scalling]", 'did you mean "scaling"?'],
    ["[health]\ninterval = 30", 'write interval = "30s"'],
    ['[health]\npath = "healthz"', 'write path = "/healthz"'],
    ["[resources]\ncpu = 0.25", 'write cpu = "250m"'],
    ['[resources]\nmemory = "512MB"', 'write memory = "512Mi"'],
    ['[resources]\nmemory = "1GB"', 'write memory = "1Gi"'],
    ["[env]\nDEBUG = true", 'write DEBUG = "true"'],
    ['[env]\n"LOG-LEVEL" = "x"', "write LOG_LEVEL"],
  ])("comes with a likely correction: %s", (line, hint) => {
    const source =
      line.startsWith("runtime") || line.startsWith("name")
        ? `[app]\n${line}\n${line.startsWith("name") ? 'runtime = "node"' : 'name = "x"'}\n`
        : bad(`${line}\n`);
    expect(diagnosticsOf(source).map((one) => one.hint)).toEqual([hint]);
  });

  it("says what was found and what is allowed", () => {
    expect(diagnosticsOf(bad("[scaling]\ncpu_target = 170\n"))[0]?.message).toBe(
      "scaling.cpu_target is the number 170; it must be a whole number from 1 to 100.",
    );
  });
});
