/** Between the gateway and the process that runs its alert rules. */
import type { PolicyScript } from "@bifrost/shared/domain/policy";
import type { PolicyFault, PolicyLogLine } from "../workers/policy-runtime.ts";
import type { AlertValues, RaisedAlert } from "./alert-values.ts";

/** What one rule said of one sample; it is told when nothing was raised, too. */
export interface RuleVerdict {
  readonly rule: string;
  /** Position of the sample in its batch. */
  readonly sample: number;
  readonly raised: readonly RaisedAlert[];
}

export interface AlertSample {
  readonly values: AlertValues;
  /** Whose the replica is: the rules of other teams do not see it. null = not known, for the platform's rules only. */
  readonly teamId: string | null;
}

export type ToAlerts =
  | { readonly kind: "rules"; readonly rules: readonly PolicyScript[] }
  | { readonly kind: "samples"; readonly id: number; readonly samples: readonly AlertSample[] };

export type FromAlerts =
  | { readonly kind: "up" }
  | {
      readonly kind: "verdicts";
      readonly id: number;
      readonly verdicts: readonly RuleVerdict[];
      readonly errors: number;
    }
  | { readonly kind: "fault"; readonly fault: PolicyFault }
  | { readonly kind: "log"; readonly line: PolicyLogLine };
