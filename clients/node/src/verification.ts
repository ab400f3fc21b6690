/** Result of verifying a credential. */

import { Document } from "./document.js";
import { KEY_POLICY, readPlanLimit, readRemainingLimit, type PlanLimit, type RemainingLimit } from "./limits.js";
import type { Slug } from "./problem-types.js";

const RATE_LIMITED = "RATE_LIMITED";
const PROBLEMS: ReadonlyMap<string, Slug> = new Map([
  ["INVALID", "invalid-credential"],
  ["DISABLED", "disabled-key"],
  ["EXPIRED", "expired-key"],
  ["REVOKED", "revoked-key"],
  ["INSUFFICIENT_SCOPE", "insufficient-scope"],
  [RATE_LIMITED, "quota-exceeded"],
]);

/**
 * Result of a verification.
 *
 * `code` is VALID, INVALID, DISABLED, EXPIRED, REVOKED, INSUFFICIENT_SCOPE or RATE_LIMITED. Check `valid` to decide
 * about a request.
 *
 * The fields about the key are set with VALID, INSUFFICIENT_SCOPE and RATE_LIMITED; otherwise they are null or empty.
 * `rateLimit` is null for an unlimited key too, and `limits` are those of the key's plan. `violatedPolicies` names the
 * limits that refused the request, "key" for the key's own. `retryAfterSeconds` is set with RATE_LIMITED, unless a quota
 * refused the request that never starts again.
 */
export interface Verification {
  readonly valid: boolean;
  readonly code: string;
  readonly keyId: string | null;
  readonly label: string | null;
  readonly owner: string | null;
  readonly scopes: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly rateLimit: RemainingLimit | null;
  readonly limits: readonly PlanLimit[];
  readonly violatedPolicies: readonly string[];
  readonly retryAfterSeconds: number | null;
}

/** Return the verification in the JSON of a response. Throws UnexpectedResponse if its shape is wrong. */
export function readVerification(value: unknown): Verification {
  const document = new Document(value, "verification");
  const code = document.text("code");
  // For a key without a plan, only its own limit can have refused the request.
  const violated = code === RATE_LIMITED ? [KEY_POLICY] : [];
  return {
    valid: document.boolean("valid"),
    code,
    keyId: document.optional("key_id", document.text, null),
    label: document.optional("label", document.text, null),
    owner: document.optional("owner", document.text, null),
    scopes: document.optional<string[], string[]>("scopes", document.texts, []),
    metadata: document.optional("metadata", document.object, {}),
    rateLimit: document.optional("rate_limit", (name) => readRemainingLimit(document.document(name, "rate limit")), null),
    limits: document.optional("limits", document.documents, []).map(readPlanLimit),
    violatedPolicies: document.optional("violated_policies", document.texts, violated),
    retryAfterSeconds: document.optional("retry_after", document.integer, null),
  };
}

/** Return the slug of the problem to report to the caller, or undefined if this version doesn't know the code. */
export function problemOfCode(code: string): Slug | undefined {
  return PROBLEMS.get(code);
}
