/** The API over a test platform, and people who call it with keys of their names. */
import { createHash } from "node:crypto";
import type { Person } from "@bifrost/shared/ports/team-directory";
import { apiService } from "../api/service.ts";
import { TestPlatform } from "./test-platform.ts";

const PEOPLE: Readonly<Record<string, Person>> = {
  ada: { uid: "ada", teamIds: ["team"], scopes: ["read", "deploy"] },
  rob: { uid: "rob", teamIds: ["team"], scopes: ["read"] },
  eve: { uid: "eve", teamIds: ["others"], scopes: ["read", "deploy"] },
  root: { uid: "root", teamIds: ["team"], scopes: ["read", "deploy", "admin"] },
};

export interface ApiCall {
  readonly by?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiAnswer<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

export function testApi(platform = new TestPlatform()) {
  for (const [name, person] of Object.entries(PEOPLE))
    platform.people.set(createHash("sha256").update(`bfk_${name}`).digest("hex"), person);
  const service = apiService(platform.ports);
  const call = async <Body = Record<string, unknown>>(
    method: string,
    path: string,
    { by = "ada", body, headers = {} }: ApiCall = {},
  ): Promise<ApiAnswer<Body>> => {
    const answer = await service(
      new Request(`http://api.test/v1${path}`, {
        method,
        headers: { authorization: `Bearer bfk_${by}`, ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: JSON.parse(text) as Body };
  };
  return { platform, call };
}
