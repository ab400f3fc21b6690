/** Result of verifying a credential. */

import { Document } from "./document.js";
import type { Slug } from "./problem-types.js";

const PROBLEMS: ReadonlyMap<string, Slug> = new Map([
  ["INVALID", "invalid-credential"],
  ["DISABLED", "disabled-key"],
  ["EXPIRED", "expired-key"],
  ["REVOKED", "revoked-key"],
  ["INSUFFICIENT_SCOPE", "insufficient-scope"],
  ["RATE_LIMITED", "quota-exceeded"],
]);

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
 * Result of a verification.
 *
 * `code` is VALID, INVALID, DISABLED, EXPIRED, REVOKED, INSUFFICIENT_SCOPE or RATE_LIMITED. Check `valid` to decide
 * about a request.
 *
 * The fields about the key are set with VALID, INSUFFICIENT_SCOPE and RATE_LIMITED; otherwise they are null or empty.
 * `rateLimit` is null for an unlimited key too. `retryAfterSeconds` is set with RATE_LIMITED.
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
  readonly retryAfterSeconds: number | null;
}

/** Return the verification in the JSON of a response. Throws UnexpectedResponse if its shape is wrong. */
export function readVerification(value: unknown): Verification {
  const document = new Document(value, "verification");
  return {
    valid: document.boolean("valid"),
    code: document.text("code"),
    keyId: document.optional("key_id", document.text, null),
    label: document.optional("label", document.text, null),
    owner: document.optional("owner", document.text, null),
    scopes: document.optional<string[], string[]>("scopes", document.texts, []),
    metadata: document.optional("metadata", document.object, {}),
    rateLimit: document.optional("rate_limit", (name) => readLimit(document.document(name, "rate limit")), null),
    retryAfterSeconds: document.optional("retry_after", document.integer, null),
  };
}

/** Return the slug of the problem to report to the caller, or undefined if this version doesn't know the code. */
export function problemOfCode(code: string): Slug | undefined {
  return PROBLEMS.get(code);
}

function readLimit(document: Document): RemainingLimit {
  return {
    limit: document.integer("limit"),
    perSeconds: document.integer("per_seconds"),
    remaining: document.integer("remaining"),
    nextTokenSeconds: document.integer("next_token_seconds"),
    resetSeconds: document.integer("reset_seconds"),
  };
}
