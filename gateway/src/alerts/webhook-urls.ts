/** The webhooks that alerts may go to, as the environment names them: `{"ops": "https://chat.example/hook"}`. */
import { jsonOrNull } from "@bifrost/shared/domain/json-or-null";
import { isPrivateUrl } from "@bifrost/shared/domain/private-url";
import * as v from "valibot";
import { LOG_TARGET } from "./alert-values.ts";

const NAME = /^[a-z][a-z0-9_-]{0,62}$/;

export const webhookUrlsForm = v.pipe(
  v.string(),
  v.transform(jsonOrNull),
  v.record(
    v.pipe(
      v.string(),
      v.check(
        (name) => NAME.test(name) && name !== LOG_TARGET,
        "names must be lower-case letters, digits, - and _, and not log",
      ),
    ),
    v.pipe(v.string(), v.check(isAllowed, "addresses must be https, or http on this machine")),
    "must be a JSON object of names and addresses",
  ),
  v.transform((urls): ReadonlyMap<string, string> => new Map(Object.entries(urls))),
);

/** Notices tell of apps, so they travel encrypted unless they stay on this machine. */
function isAllowed(text: string): boolean {
  return URL.canParse(text) && isPrivateUrl(new URL(text));
}
