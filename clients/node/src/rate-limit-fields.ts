/** Rate limit fields of a response (draft-ietf-httpapi-ratelimit-headers-11), and the older X-RateLimit fields. */

import type { Fields } from "./headers.js";
import { REQUESTS, type PlanLimit } from "./limits.js";

interface Claimed extends PlanLimit {
  readonly remaining: number;
}

/**
 * Return the fields that describe what is left of a key's limits. An unlimited key has none.
 *
 * RateLimit-Policy lists all limits, RateLimit those that the request claimed. The older fields have one limit only:
 * the tightest of those that can refuse a request.
 */
export function rateLimitFields(limits: readonly PlanLimit[]): Fields {
  if (limits.length === 0) return [];
  const claimed = limits.filter((limit): limit is Claimed => limit.remaining !== null);
  const fields: [string, string][] = [["RateLimit-Policy", limits.map(policyOf).join(", ")]];
  if (claimed.length > 0) fields.push(["RateLimit", claimed.map(stateOf).join(", ")]);
  const tightest = claimed.filter(({ mode }) => mode === "enforce").sort(byTightness)[0];
  return tightest === undefined ? fields : [...fields, ...olderFields(tightest)];
}

function policyOf({ name, unit, limit, perSeconds }: PlanLimit): string {
  // The draft's default unit is a request. Names and units have no character that a quoted string escapes.
  const [window, ofUnit] = [perSeconds === null ? "" : `;w=${perSeconds}`, unit === REQUESTS ? "" : `;qu="${unit}"`];
  return `"${name}";q=${limit}${window}${ofUnit}`;
}

function stateOf({ name, remaining, nextTokenSeconds }: Claimed): string {
  return `"${name}";r=${remaining}${nextTokenSeconds === null ? "" : `;t=${nextTokenSeconds}`}`;
}

function olderFields({ limit, remaining, resetSeconds }: Claimed): Fields {
  const fields: [string, string][] = [
    ["X-RateLimit-Limit", String(limit)],
    ["X-RateLimit-Remaining", String(remaining)],
  ];
  return resetSeconds === null ? fields : [...fields, ["X-RateLimit-Reset", String(resetSeconds)]];
}

/** Order limits by the part that is left, and those with the same part by the time to their reset, longest first. */
function byTightness(one: Claimed, other: Claimed): number {
  // Compared as fractions, without dividing. The products can be larger than a number is exact.
  const left = BigInt(one.remaining) * BigInt(other.limit);
  const ofOther = BigInt(other.remaining) * BigInt(one.limit);
  if (left !== ofOther) return left < ofOther ? -1 : 1;
  // A limit without a reset is never full again.
  const [reset, resetOfOther] = [one.resetSeconds ?? Infinity, other.resetSeconds ?? Infinity];
  return reset === resetOfOther ? 0 : reset > resetOfOther ? -1 : 1;
}
