import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HOST, ProxyRig } from "../testing/proxy-rig.ts";

let rig: ProxyRig;

beforeAll(async () => {
  rig = await ProxyRig.start();
  const app = await rig.httpReplica((request, response) => response.end(`app ${request.url}`));
  const api = await rig.httpReplica((request, response) => response.end(`api ${request.url}`));
  rig.running.setBackends({ app: [app.address], api: [api.address] });
  const targets = [{ deploymentId: "api", weight: 1 }];
  const rule = { targets: [], stripsPrefix: false, redirect: null, policies: [] };
  const redirect = (to: string, keepsPath: boolean) => ({
    ...rule,
    redirect: { to, keepsPath, status: 308 as const },
  });
  rig.running.setRoutes(
    {
      [HOST]: {
        paths: [
          { ...rule, prefix: "/raw", targets },
          { ...rule, prefix: "/api", targets, stripsPrefix: true },
          { ...redirect("/new/", true), prefix: "/old" },
          { ...redirect("/", true), prefix: "/up" },
          { ...redirect("https://docs.test/start?from=shop", false), prefix: "/docs" },
        ],
      },
      "www.test.local": { redirect: { to: "https://shop.test", keepsPath: true, status: 301 } },
    },
    { project: "app" },
  );
});

afterAll(() => rig.stop());

async function ask(target: string, host = HOST, method = "GET") {
  const c = await rig.client();
  c.send(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const text = await c.closed();
  return {
    status: Number(text.slice(9, 12)),
    body: text.slice(text.indexOf("\r\n\r\n") + 4),
    location: /\r\nlocation: (.*)\r\n/.exec(text)?.[1],
  };
}

describe("what an app below a prefix sees", () => {
  test.each([
    ["/raw/x?y=%20", "api /raw/x?y=%20"],
    ["/%72aw//x", "api /%72aw//x"],
    ["/api/x?y", "api /x?y"],
    ["/api", "api /"],
    ["/api?y", "api /?y"],
    ["/%61pi;v=1/x%2fy", "api /x%2fy"],
    ["//api//x", "api /x"],
    ["/apix", "app /apix"],
  ])("%s → %s", async (target, body) => {
    expect(await ask(target)).toMatchObject({ status: 200, body });
  });

  test.each(["/raw/../x", "/x/%2e%2e/api", "/raw/%00", "/%zz"])("%s is refused", async (target) => {
    const { status, body } = await ask(target);
    expect([status, body]).toEqual([400, expect.stringContaining("ambiguous-path")]);
  });
});

describe("a redirect", () => {
  test.each([
    ["/old", HOST, "/new/"],
    ["/old/a?b=c", HOST, "/new/a?b=c"],
    ["/old?b=c", HOST, "/new?b=c"],
    ["/%6fld/a", HOST, "/new/a"],
    ["/old//evil.test/a", HOST, "/new/evil.test/a"],
    ["/up//evil.test/a", HOST, "/evil.test/a"],
    ["/up/\\evil.test", HOST, "/evil.test"],
    ["/up/%5cevil.test", HOST, "/evil.test"],
    ["/docs/a?b=c", HOST, "https://docs.test/start?from=shop"],
    ["/a/../b?c", "www.test.local", "https://shop.test/a/../b?c"],
    ["//evil.test", "www.test.local", "https://shop.test/evil.test"],
    ["/%0d%0aset-cookie:%20a=b", "www.test.local", "https://shop.test/%0d%0aset-cookie:%20a=b"],
  ])("of %s on %s leads to %s", async (target, host, location) => {
    expect(await ask(target, host)).toMatchObject({ status: expect.any(Number), location });
  });

  test("is the same for HEAD and for OPTIONS *", async () => {
    expect(await ask("/a", "www.test.local", "HEAD")).toMatchObject({
      status: 301,
      location: "https://shop.test/a",
      body: "",
    });
    const { location } = await ask("*", "www.test.local", "OPTIONS");
    expect(location).toBe("https://shop.test");
  });
});
