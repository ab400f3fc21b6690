/** Refill: how long a denied request waits that pays again what it had already paid at an earlier place. */

import { allLimits, REQUESTS, type PlanLimit } from "./limits.js";
import type { Verification } from "./verification.js";

/**
 * Return the seconds until the key's limits have room for `whole`, the tokens that all places cost together.
 *
 * It's at least `deniedSeconds`, the wait for the part that was denied. Return null if a limit never has room.
 */
export function waitForWhole(deniedSeconds: number, found: Verification, whole: number): number | null {
  let longest = deniedSeconds;
  for (const limit of allLimits(found.rateLimit, found.limits)) {
    // The response has no state of a limit that the request didn't claim.
    const { unit, mode, remaining } = limit;
    if (mode !== "enforce" || unit !== REQUESTS || remaining === null || whole <= remaining) continue;
    const wait = waitFor(limit, whole - remaining);
    if (wait === null) return null;
    longest = Math.max(longest, wait);
  }
  return longest;
}

/** Return the seconds, rounded up, until `limit` has `missing` units more than now, or null if it never has. */
function waitFor({ limit, perSeconds, nextTokenSeconds, resetSeconds }: PlanLimit, missing: number): number | null {
  if (perSeconds === null || nextTokenSeconds === null || resetSeconds === null) return null;
  // A quota gets all of its units back at the same time, and no limit needs longer than until it's full.
  return Math.min(nextTokenSeconds + Math.ceil(((missing - 1) * perSeconds) / limit), resetSeconds);
}
