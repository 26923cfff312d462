/** Errors of the official client in our codes. */
import { BifrostError } from "../domain/errors.ts";

/** Rejects with `upstream-unavailable` for what may pass by itself, `upstream-refused` for the rest. */
export async function translate<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const status =
      typeof error === "object" && error !== null && "code" in error ? Number(error.code) : 0;
    const unavailable = Number.isNaN(status) || status === 0 || status >= 500 || status === 429;
    throw new BifrostError(
      unavailable ? "upstream-unavailable" : "upstream-refused",
      `Kubernetes refused the call: ${reasonOf(error)}`,
      { status: Number.isNaN(status) ? null : status },
      { cause: error },
    );
  }
}

/** In the words of the API server, without the headers of its answer. */
export function reasonOf(error: unknown): string {
  const body =
    typeof error === "object" && error !== null && "body" in error ? error.body : undefined;
  if (typeof body === "string") {
    try {
      return (JSON.parse(body) as { message?: string }).message ?? body.slice(0, 300);
    } catch {
      return body.slice(0, 300);
    }
  }
  return error instanceof Error ? error.message.slice(0, 300) : String(error);
}
