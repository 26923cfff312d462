/** The table of google.firestore.v1.Firestore methods this server has; the others answer UNIMPLEMENTED by name. */
import { batchWrite, beginTransaction, commit, rollback } from "./commit-methods.ts";
import {
  batchGetDocuments,
  createDocument,
  deleteDocument,
  getDocument,
  updateDocument,
} from "./document-methods.ts";
import { listDocuments } from "./list-documents.ts";
import { listen } from "./listen.ts";
import type { ServerStreamMethod, TwoWayMethod, UnaryMethod } from "./method.ts";
import { listCollectionIds, runAggregationQuery, runQuery } from "./query-methods.ts";
import { writeStream } from "./write-stream.ts";

export const UNARY_METHODS: Readonly<Record<string, UnaryMethod>> = {
  GetDocument: getDocument,
  ListDocuments: listDocuments,
  CreateDocument: createDocument,
  UpdateDocument: updateDocument,
  DeleteDocument: deleteDocument,
  BeginTransaction: beginTransaction,
  Commit: commit,
  Rollback: rollback,
  BatchWrite: batchWrite,
  ListCollectionIds: listCollectionIds,
};

export const SERVER_STREAM_METHODS: Readonly<Record<string, ServerStreamMethod>> = {
  BatchGetDocuments: batchGetDocuments,
  RunQuery: runQuery,
  RunAggregationQuery: runAggregationQuery,
};

export const TWO_WAY_METHODS: Readonly<Record<string, TwoWayMethod>> = {
  Listen: listen,
  Write: writeStream,
};
