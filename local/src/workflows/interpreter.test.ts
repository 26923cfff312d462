import { describe, expect, test } from "vitest";
import { FINISHED_KEPT } from "./executions.ts";
import { createEngine, failureOf, resultOf } from "./testing/run-workflow.ts";

const main = (body: string, params = ""): string =>
  `main:\n${params}  steps:\n${body
    .trim()
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n")}\n`;

describe("steps", () => {
  test.each<[string, string, unknown]>([
    [
      "assign copies, and writes elements",
      "- a: {assign: [{x: {l: [1, 2]}}, {y: '${x}'}, {'x.l[0]': 9}, {x.new: 3}, {'x.l[-1]': 8}]}\n- r: {return: ['${x}', '${y}']}",
      [{ l: [9, 8], new: 3 }, { l: [1, 2] }],
    ],
    ["a workflow without return ends with null", "- a: {assign: [{x: 1}]}", null],
    [
      "next jumps, end ends",
      "- a: {assign: [{x: 1}], next: c}\n- b: {assign: [{x: 2}]}\n- c: {next: end}\n- d: {return: 1}",
      null,
    ],
    [
      "switch takes the first condition that holds",
      "- a: {switch: [{condition: false, return: 0}, {condition: '${1 < 2}', return: 1}, {condition: true, return: 2}]}",
      1,
    ],
    [
      "switch without a match goes on, or where next says",
      "- a: {switch: [{condition: false, return: 0}], next: c}\n- b: {return: b}\n- c: {return: c}",
      "c",
    ],
    [
      "for visits a list with its index",
      "- i: {assign: [{s: ''}]}\n- a: {for: {value: v, index: i, in: [a, b], steps: [{b: {assign: [{s: '${s + v + string(i)}'}]}}]}}\n- r: {return: '${s}'}",
      "a0b1",
    ],
    [
      "for visits the keys of a map",
      "- i: {assign: [{s: ''}]}\n- a: {for: {value: v, in: {x: 1, y: 2}, steps: [{b: {assign: [{s: '${s + v}'}]}}]}}\n- r: {return: '${s}'}",
      "xy",
    ],
    [
      "a range includes both ends; continue and break work",
      "- i: {assign: [{s: 0}]}\n- a: {for: {value: v, range: [1, 9], steps: [{c: {switch: [{condition: '${v == 2}', next: continue}, {condition: '${v == 5}', next: break}]}}, {b: {assign: [{s: '${s + v}'}]}}]}}\n- r: {return: '${s}'}",
      8,
    ],
    [
      "return leaves a loop",
      "- a: {for: {value: v, in: [1, 2], steps: [{b: {return: '${v}'}}]}}",
      1,
    ],
    [
      "nested steps share variables",
      "- a: {steps: [{b: {assign: [{x: 4}]}}]}\n- r: {return: '${x}'}",
      4,
    ],
    [
      "except binds the error and may return",
      "- a: {try: {steps: [{b: {raise: {code: 5}}}]}, except: {as: e, steps: [{c: {return: '${e.code}'}}]}}",
      5,
    ],
    [
      "a raised string is caught as it is",
      "- a: {try: {steps: [{b: {raise: oops}}]}, except: {as: e, steps: [{c: {return: '${e}'}}]}}",
      "oops",
    ],
    [
      "library functions can be called with named arguments",
      "- a: {call: text.replace_all, args: {source: aXa, substr: X, repl: b}, result: r}\n- r: {return: '${r}'}",
      "aba",
    ],
  ])("%s", async (_what, body, expected) => {
    expect(await resultOf(main(body))).toEqual(expected);
  });

  test("a bare list of steps is a workflow", async () => {
    expect(await resultOf("- a: {return: 3}")).toBe(3);
  });

  test("subworkflows take arguments by name or position and have defaults", async () => {
    const source = `${main("- a: {call: add, args: {x: 1}, result: r}\n- b: {call: add, args: [1, 2], result: q}\n- c: {return: ['${r}', '${q}']}")}
add:
  params: [x, y: 10]
  steps:
    - r: {return: '\${x + y}'}
`;
    expect(await resultOf(source)).toEqual([11, 3]);
  });

  test("variables of a loop and of except end with it", async () => {
    const body =
      "- a: {for: {value: v, in: [1], steps: [{b: {assign: [{inner: 1}]}}]}}\n- r: {return: '${inner}'}";
    expect(await failureOf(main(body))).toMatchObject({ tags: ["KeyError"] });
  });
});

describe("errors", () => {
  test.each([
    ["an unknown variable", "- a: {return: '${nope}'}", "KeyError"],
    [
      "a condition that is no boolean",
      "- a: {switch: [{condition: '${1}', return: 1}]}",
      "TypeError",
    ],
    [
      "a for over a number",
      "- a: {for: {value: v, in: 5, steps: [{b: {return: 1}}]}}",
      "TypeError",
    ],
    ["an element of a missing key", "- a: {assign: [{x: {}}, {x.y.z: 1}]}", "KeyError"],
    ["an unknown argument", "- a: {call: sys.sleep, args: {second: 1}}", "TypeError"],
    [
      "another auth type",
      "- a: {call: http.get, args: {url: 'http://127.0.0.1:9', auth: {type: OAuth2}}}",
      "AuthError",
    ],
    ["a relative URL", "- a: {call: http.get, args: {url: /x}}", "ValueError"],
  ])("%s is a %s", async (_what, body, tag) => {
    expect(await failureOf(main(body))).toMatchObject({ tags: [tag] });
  });

  test("the error tells step, routine and line", async () => {
    const ended = await createEngine(
      main("- fine: {assign: []}\n- bad: {raise: {message: broken}}"),
    ).run();
    expect(ended.error?.context).toBe(
      'RuntimeError: "broken"\nin step "bad", routine "main", line: 4',
    );
  });

  test("a refused connection is both connection errors", async () => {
    const body = "- a: {call: http.get, args: {url: 'http://127.0.0.1:1/x', timeout: 5}}";
    expect(await failureOf(main(body))).toMatchObject({
      tags: ["ConnectionError", "ConnectionFailedError"],
    });
  });
});

const retried = (retry: string): string =>
  `${main(`- i: {assign: [{n: 0}, {at: []}]}
- a:
    try:
      steps:
        - c: {assign: [{n: '\${n + 1}'}, {at: '\${list.concat(at, sys.now())}'}]}
        - f: {switch: [{condition: '\${n < 4}', raise: {code: 500, n: '\${n}'}}]}
    retry: ${retry}
- r: {return: '\${at}'}`)}
always:
  params: [e]
  steps:
    - r: {return: '\${e.code == 500 and e.n < 4}'}
`;

describe("try and retry", () => {
  test("repeats with growing pauses while its own predicate agrees", async () => {
    const at = (await resultOf(
      retried(
        "{predicate: '${always}', max_retries: 5, backoff: {initial_delay: 0.5, max_delay: 1.5, multiplier: 2}}",
      ),
    )) as number[];
    expect(at.slice(1).map((time, index) => time - (at[index] ?? 0))).toEqual([0.5, 1, 1.5]);
  });

  test("stops after max_retries", async () => {
    const policy =
      "{predicate: '${retry.always}', max_retries: 2, backoff: '${retry.default_backoff}'}";
    expect(await failureOf(retried(policy))).toMatchObject({ n: 3 });
  });

  test("the default policy does not repeat a 500", async () => {
    expect(await failureOf(retried("${http.default_retry}"))).toMatchObject({ n: 1 });
  });
});

describe("parallel", () => {
  test("branches run side by side and share what they list", async () => {
    const engine = createEngine(
      main(`- i: {assign: [{x: 0}]}
- p:
    parallel:
      shared: [x]
      branches:
        - a: {steps: [{s: {call: sys.sleep, args: {seconds: 5}}}, {w: {assign: [{x: '\${x + 1}'}]}}]}
        - b: {steps: [{s: {call: sys.sleep, args: {seconds: 5}}}, {w: {assign: [{x: '\${x + 1}'}]}}]}
- r: {return: '\${x}'}`),
    );
    const start = engine.timers.now();
    expect((await engine.run()).result).toBe("2");
    expect(engine.timers.now() - start).toBe(5000);
  });

  test("a loop keeps to its concurrency limit", async () => {
    const engine = createEngine(
      main(`- p:
    parallel:
      concurrency_limit: 2
      for: {value: v, in: [1, 2, 3, 4, 5], steps: [{s: {call: sys.sleep, args: {seconds: 1}}}]}`),
    );
    const start = engine.timers.now();
    await engine.run();
    expect(engine.timers.now() - start).toBe(3000);
  });

  test("writing a variable that is not shared fails the branch, also from a loop in it", async () => {
    const body = `- i: {assign: [{x: 0}]}
- p: {parallel: {branches: [{a: {for: {value: v, in: [1], steps: [{w: {assign: [{x: 1}]}}]}}}]}}`;
    expect(await failureOf(main(body))).toMatchObject({
      tags: ["UnhandledBranchError"],
      branches: [{ id: "a", error: { tags: ["TypeError"] } }],
    });
  });

  test("all branches run to their end before the errors are raised", async () => {
    const body = `- i: {assign: [{x: 0}]}
- t:
    try: {parallel: {shared: [x], branches: [{a: {raise: early}}, {b: {steps: [{s: {call: sys.sleep, args: {seconds: 9}}}, {w: {assign: [{x: 1}]}}]}}]}}
    except: {as: e, steps: [{r: {return: ['\${x}', '\${len(e.branches)}']}}]}`;
    expect(await resultOf(main(body))).toEqual([1, 1]);
  });
});

describe("callbacks", () => {
  const source =
    main(`- o: {call: events.create_callback_endpoint, args: {http_callback_method: POST}, result: cb}
- s: {call: sys.sleep, args: {seconds: 10}}
- w: {call: events.await_callback, args: {callback: '\${cb}', timeout: 20}, result: got}
- r: {return: '\${got.n}'}`);

  test.each([
    ["before it is awaited", 5_000],
    ["while it is awaited", 15_000],
  ])("a delivery %s arrives", async (_when, at) => {
    const engine = createEngine(source);
    const { name } = engine.start();
    engine.timers.after(at, () => {
      expect(engine.callbacks.deliver(name, "id-2", "POST", { n: 4 })).toBe("delivered");
    });
    const [execution] = engine.executions.list("w");
    if (execution === undefined) throw new Error("no execution");
    expect((await engine.ended(execution)).result).toBe("4");
    expect(engine.callbacks.deliver(name, "id-2", "POST", {})).toBe("not-found");
  });

  test("without a delivery it is a TimeoutError after exactly the timeout", async () => {
    const engine = createEngine(source);
    const start = engine.timers.now();
    expect((await engine.run()).error?.payload).toContain('"TimeoutError"');
    expect(engine.timers.now() - start).toBe(30_000);
  });

  test("another execution's endpoint and another method are refused", async () => {
    const engine = createEngine(source);
    const { name } = engine.start();
    await new Promise((resolve) => setImmediate(resolve));
    expect(engine.callbacks.deliver(`${name}x`, "id-2", "POST", {})).toBe("not-found");
    expect(engine.callbacks.deliver(name, "id-2", "GET", {})).toBe("wrong-method");
    await engine.executions.stop();
  });
});

describe("limits of an execution", () => {
  test.each([
    ["steps", main("- a: {next: a}"), "ResourceLimitError"],
    [
      "call depth",
      main("- a: {call: again}") + "again:\n  steps:\n    - a: {call: again}\n",
      "RecursionError",
    ],
    [
      "variables",
      main("- i: {assign: [{x: xxxxxxxxxxxxxxxx}]}\n- d: {assign: [{x: '${x + x}'}], next: d}"),
      "ResourceLimitError",
    ],
  ])("%s", async (_what, source, tag) => {
    expect(await failureOf(source)).toMatchObject({ tags: [tag] });
  });

  test("variables that end give their memory back", async () => {
    const big = "x".repeat(1000);
    const body = `- a: {for: {value: v, range: [1, 2000], steps: [{b: {assign: [{t: ${big}}]}}]}}\n- r: {return: ok}`;
    expect(await resultOf(main(body))).toBe("ok");
  });

  test("an argument may have 32 KB", () => {
    const engine = createEngine("main: {params: [a], steps: [{r: {return: 1}}]}");
    expect(() => engine.start("x".repeat(32 * 1024))).toThrow(/32768 are allowed/);
  });

  test("a year is the longest sleep", async () => {
    const days = 24 * 3600;
    const engine = createEngine(
      main(`- a: {call: sys.sleep, args: {seconds: ${60 * days}}}\n- r: {return: slept}`),
    );
    const start = engine.timers.now();
    expect((await engine.run()).result).toBe('"slept"');
    expect(engine.timers.now() - start).toBe(60 * days * 1000);
    const body = `- a: {call: sys.sleep, args: {seconds: ${366 * days}}}\n- r: {return: slept}`;
    expect(await failureOf(main(body))).toMatchObject({ tags: ["ResourceLimitError"] });
  });
});

describe("cancelling", () => {
  const waits: [string, string][] = [
    ["a sleep", "- a: {call: sys.sleep, args: {seconds: 999}}"],
    [
      "a callback",
      "- o: {call: events.create_callback_endpoint, args: {}, result: c}\n- a: {call: events.await_callback, args: {callback: '${c}'}}",
    ],
    [
      "parallel branches",
      "- p: {parallel: {for: {value: v, in: [1, 2], steps: [{s: {call: sys.sleep, args: {seconds: 9}}}]}}}",
    ],
    ["an endless loop with a pause", "- a: {call: sys.sleep, args: {seconds: 0}}\n- b: {next: a}"],
  ];
  test.each(waits)("ends %s, past any except", async (_what, body) => {
    const guarded = `- t:
    try:
      steps:
${body
  .split("\n")
  .map((line) => `        ${line}`)
  .join("\n")}
    except: {as: e, steps: [{x: {return: caught}}]}`;
    const engine = createEngine(main(guarded));
    const { executionId } = engine.start();
    await new Promise((resolve) => setImmediate(resolve));
    const cancelled = await engine.executions.cancel("w", executionId);
    expect(cancelled).toMatchObject({ state: "CANCELLED", result: undefined, error: undefined });
    expect(engine.callbacks.size).toBe(0);
    await expect(engine.executions.cancel("w", executionId)).rejects.toThrow(/has ended/);
  });
});

test("the last finished executions are kept, older ones forgotten, running ones never", async () => {
  const engine = createEngine(
    "main: {params: [n], steps: [{s: {switch: [{condition: '${n == 0}', next: wait}]}}, {r: {return: '${n}'}}, {wait: {call: sys.sleep, args: {seconds: 9}}}]}",
  );
  const running = engine.start(0);
  const started = Array.from({ length: FINISHED_KEPT + 3 }, (_item, at) => engine.start(at + 1));
  await new Promise((resolve) => setImmediate(resolve));
  expect(engine.executions.get("w", started[2]?.executionId ?? "")).toBeUndefined();
  expect(engine.executions.get("w", started[3]?.executionId ?? "")).toMatchObject({ result: "4" });
  expect(engine.executions.get("w", running.executionId)).toMatchObject({ state: "ACTIVE" });
  expect(engine.executions.counts).toMatchObject({ active: 1, succeeded: FINISHED_KEPT + 3 });
  await engine.executions.stop();
});
