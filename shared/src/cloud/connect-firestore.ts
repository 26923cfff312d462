/** The server-side Firestore client: it reads with the service's own rights; nothing writes through it. */
import type { Firestore } from "@google-cloud/firestore";

/** A plain-text server instead of Google's. */
export interface FirestoreEmulator {
  /** `host:port`. */
  readonly host: string;
  /** Bearer token that it takes for the administrator's. */
  readonly token: string;
}

export async function connectFirestore(
  projectId: string,
  emulator: FirestoreEmulator | null,
): Promise<Firestore> {
  // Imported on first use: the client takes a third of a second to load.
  const client = await import("@google-cloud/firestore");
  if (emulator === null) return new client.Firestore({ projectId });
  return new client.Firestore({
    projectId,
    host: emulator.host,
    ssl: false,
    customHeaders: { Authorization: `Bearer ${emulator.token}` },
    // Never used; without any the client would look for a metadata server first.
    credentials: { client_email: "unused", private_key: "unused" },
  });
}
