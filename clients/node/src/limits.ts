/** Limits of a key, as a verification shows them. */

import type { Document } from "./document.js";

export const KEY_POLICY = "key";
export const REQUESTS = "requests";

/**
 * What is left of a key's rate limit: `remaining` of `limit` tokens, which refill in `perSeconds`.
 *
 * The bucket has one more token in `nextTokenSeconds`, and is full again in `resetSeconds`; both are 0 for a full one.
 */
export interface RemainingLimit {
  readonly limit: number;
  readonly perSeconds: number;
  readonly remaining: number;
  readonly nextTokenSeconds: number;
  readonly resetSeconds: number;
}

/**
 * What is left of a limit of a key's plan: `remaining` of `limit` units in `perSeconds`.
 *
 * `mode` is "enforce", or "observe" if the limit refuses nothing. `perSeconds` is null for a quota that never starts
 * again. The rest is null if the request named no cost of the unit. A rate has one more unit in `nextTokenSeconds` and
 * is full in `resetSeconds`; for a quota, both are the seconds to the end of its period, and null if there is no end.
 */
export interface PlanLimit {
  readonly name: string;
  readonly unit: string;
  readonly mode: string;
  readonly limit: number;
  readonly perSeconds: number | null;
  readonly remaining: number | null;
  readonly nextTokenSeconds: number | null;
  readonly resetSeconds: number | null;
}

/** Return a key's own limit and those of its plan, in one shape. */
export function allLimits(own: RemainingLimit | null, ofPlan: readonly PlanLimit[]): readonly PlanLimit[] {
  return own === null ? ofPlan : [{ name: KEY_POLICY, unit: REQUESTS, mode: "enforce", ...own }, ...ofPlan];
}

/** Return a key's own limit. */
export function readRemainingLimit(document: Document): RemainingLimit {
  return {
    limit: document.integer("limit"),
    perSeconds: document.integer("per_seconds"),
    remaining: document.integer("remaining"),
    nextTokenSeconds: document.integer("next_token_seconds"),
    resetSeconds: document.integer("reset_seconds"),
  };
}

/** Return a limit of a plan. */
export function readPlanLimit(document: Document): PlanLimit {
  return {
    name: document.text("name"),
    unit: document.text("unit"),
    mode: document.text("mode"),
    limit: document.integer("limit"),
    perSeconds: document.optional("per_seconds", document.integer, null),
    remaining: document.optional("remaining", document.integer, null),
    nextTokenSeconds: document.optional("next_token_seconds", document.integer, null),
    resetSeconds: document.optional("reset_seconds", document.integer, null),
  };
}
