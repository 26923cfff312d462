/** All tables, by topic. */
import { BYTES_CASES, LATLNG_CASES } from "./bytes.cases.ts";
import { DOCUMENT_CASES } from "./documents.cases.ts";
import { LIST_CASES, SET_CASES } from "./lists.cases.ts";
import { MAP_CASES } from "./maps.cases.ts";
import { NUMBER_CASES } from "./numbers.cases.ts";
import { OPERATOR_CASES } from "./operators.cases.ts";
import { PATH_CASES } from "./paths.cases.ts";
import type { Statement } from "./statement.ts";
import { STRING_CASES } from "./strings.cases.ts";
import { DURATION_CASES, TIMESTAMP_CASES } from "./times.cases.ts";
import { TYPE_CASES } from "./types.cases.ts";

export const TOPICS: Readonly<Record<string, readonly Statement[]>> = {
  operators: OPERATOR_CASES,
  types: TYPE_CASES,
  strings: STRING_CASES,
  lists: LIST_CASES,
  sets: SET_CASES,
  maps: MAP_CASES,
  paths: PATH_CASES,
  timestamps: TIMESTAMP_CASES,
  durations: DURATION_CASES,
  numbers: NUMBER_CASES,
  bytes: BYTES_CASES,
  latlng: LATLNG_CASES,
  documents: DOCUMENT_CASES,
};
