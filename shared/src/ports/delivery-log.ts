/** Remembers what was handled, so that a second delivery or a repeated request changes nothing. */
export interface DeliveryLog {
  /** The stored answer to this delivery; null when it is new. */
  find(deliveryId: string): Promise<Readonly<Record<string, unknown>> | null>;
  /** Stores the answer; an answer that is there already stays. */
  record(deliveryId: string, answer: Readonly<Record<string, unknown>>): Promise<void>;
}

export interface StoredAnswer {
  readonly fingerprint: string;
  readonly status: number;
  readonly body: string;
}

export interface IdempotencyLog {
  find(key: string): Promise<StoredAnswer | null>;
  record(key: string, answer: StoredAnswer): Promise<void>;
}
