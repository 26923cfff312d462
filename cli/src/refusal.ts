/** What a server of the platform said when it did not do as it was asked. */
import { problemView } from "@bifrost/shared/api/schemas";
import { BifrostError, ERROR_KINDS, type ErrorCode } from "@bifrost/shared/domain/errors";
import * as v from "valibot";

export async function refusal(response: Response): Promise<BifrostError> {
  const parsed = v.safeParse(problemView, await response.json().catch(() => null));
  if (!parsed.success)
    return new BifrostError("upstream-refused", `the API answered with status ${response.status}`);
  const { code, detail } = parsed.output;
  return new BifrostError(isErrorCode(code) ? code : "upstream-refused", detail);
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_KINDS, code);
}
