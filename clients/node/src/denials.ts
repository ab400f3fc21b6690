/** Texts of denials, as Latchkey itself returns them. */

import { KEY_POLICY } from "./limits.js";
import type { Slug } from "./problem-types.js";

/** Detail of each problem with a well-formed credential. */
export const KEY_DENIALS: Partial<Record<Slug, string>> = {
  "invalid-credential": "The key ID is unknown or the secret is wrong.",
  "expired-key": "This key has expired.",
  "disabled-key": "This key is disabled.",
  "revoked-key": "This key was revoked.",
};

/** Return the detail for a request that costs more tokens than the key's bucket of `burst` can ever hold. */
export function costAboveBurst(cost: number, burst: number): string {
  const [needed, held] = [cost, burst].map((tokens) => tokens.toLocaleString("en-US"));
  return (
    `This request costs ${needed} tokens; the key's bucket holds ${held}. ` +
    `Give the key a burst of at least ${needed}.`
  );
}

/** Return the detail for a key that lacks `scope`. */
export function missingScope(scope: string): string {
  return `This call needs the scope ${scope}.`;
}

/** Return the detail for a key of which the limits named `violated` refused a request. */
export function limitExceeded(seconds: number | null, violated: readonly string[]): string {
  const names = violated.join(", ");
  const exceeded = violated.length === 1 ? `Limit exceeded: ${names}.` : `Limits exceeded: ${names}.`;
  const when = "Waiting doesn't help: a quota that never starts again is used up.";
  return (
    `${names === KEY_POLICY ? "Rate limit exceeded." : exceeded} ` +
    `${seconds === null ? when : `Retry in ${inSeconds(seconds)}.`}`
  );
}

/** Return the detail for a request without a verdict: the caller must not learn what is wrong with your app. */
export function unavailable(seconds: number): string {
  return (
    `The API key can't be checked at the moment. Retry in ${inSeconds(seconds)}. ` +
    "If it keeps failing, give the request ID to the operator of this service."
  );
}

function inSeconds(seconds: number): string {
  return `${seconds} ${seconds === 1 ? "second" : "seconds"}`;
}
