/** Rate limit fields of a response (draft-ietf-httpapi-ratelimit-headers-11), and the older X-RateLimit fields. */

import type { Fields } from "./headers.js";
import type { RemainingLimit } from "./verification.js";

/** Return the fields that describe what is left of a key's limit. An unlimited key has none. */
export function rateLimitFields(limit: RemainingLimit | null): Fields {
  if (limit === null) return [];
  return [
    ["RateLimit-Policy", `"key";q=${limit.limit};w=${limit.perSeconds}`],
    ["X-RateLimit-Limit", String(limit.limit)],
    ["RateLimit", `"key";r=${limit.remaining};t=${limit.nextTokenSeconds}`],
    ["X-RateLimit-Remaining", String(limit.remaining)],
    ["X-RateLimit-Reset", String(limit.resetSeconds)],
  ];
}
