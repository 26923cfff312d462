/** How every transport calls: proto3-JSON in, proto3-JSON out, whoever carried it. */
import type { Access } from "../access.ts";
import type { Caller } from "../edge/caller.ts";
import type { IndexCheck } from "../indexes/index-check.ts";
import type { DatabaseName } from "../resource-name.ts";
import type { Store } from "../store/store.ts";
import type { WatchHub } from "../watch/watch-hub.ts";
import type { Json } from "../wire-json.ts";
import type { Timers } from "@bifrost/shared/domain/time";

/** What the methods work on. */
export interface RpcContext {
  readonly store: Store;
  readonly access: Access;
  readonly indexes: IndexCheck;
  readonly database: DatabaseName;
  readonly timers: Timers;
  readonly watches: WatchHub;
}

export type UnaryMethod = (context: RpcContext, caller: Caller, request: Json) => Promise<object>;

export type ServerStreamMethod = (
  context: RpcContext,
  caller: Caller,
  request: Json,
) => AsyncIterable<object>;

/** One open two-way call, as its method sees the other side. */
export interface Peer {
  send(response: object): void;
  /** Ends the call with this error. */
  fail(error: unknown): void;
}

export interface OpenCall {
  /** Throws to end the call with that error. */
  receive(request: Json): void;
  /** The other side sends no more. Resolves when all it sent is answered; absent where nothing is owed. Never rejects. */
  finish?(): Promise<void>;
  /** The other side is gone or has all its answers; nothing is sent afterwards. */
  close(): void;
}

export type TwoWayMethod = (context: RpcContext, caller: Caller, peer: Peer) => OpenCall;
