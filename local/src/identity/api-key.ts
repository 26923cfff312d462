/** The web API key that Identity Toolkit wants with each call, and Google's words for a wrong one. */
import type { IncomingMessage } from "node:http";
import { GoogleError } from "../serving/google-error.ts";

export function checkApiKey(request: IncomingMessage, url: URL, apiKey: string): void {
  const given = url.searchParams.get("key") ?? request.headers["x-goog-api-key"];
  if (given === apiKey) return;
  if (given === undefined || given === "") {
    throw new GoogleError(
      "PERMISSION_DENIED",
      "Method doesn't allow unregistered callers (callers without established identity). " +
        "Please use API Key or other form of API consumer identity to call this API.",
    );
  }
  throw new GoogleError("INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", {
    details: [
      {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        reason: "API_KEY_INVALID",
        domain: "googleapis.com",
      },
    ],
  });
}
