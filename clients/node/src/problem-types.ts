/** Kinds of problems with which an integration denies a request: the part of Latchkey's catalog that it needs. */

interface ProblemType {
  readonly status: number;
  readonly title: string;
}

export const PROBLEM_TYPES = {
  "ambiguous-credential": { status: 400, title: "Conflicting credentials" },
  "missing-credential": { status: 401, title: "Missing credential" },
  "malformed-credential": { status: 401, title: "Malformed credential" },
  "invalid-credential": { status: 401, title: "Unknown key or wrong secret" },
  "expired-key": { status: 401, title: "The key has expired" },
  "disabled-key": { status: 401, title: "The key is disabled" },
  "revoked-key": { status: 401, title: "The key is revoked" },
  "insufficient-scope": { status: 403, title: "The key lacks a scope" },
  "limit-too-small": { status: 403, title: "The key's rate limit is too small" },
  "quota-exceeded": { status: 429, title: "Too many requests" },
  unavailable: { status: 503, title: "Temporarily unavailable" },
} as const satisfies Record<string, ProblemType>;

export type Slug = keyof typeof PROBLEM_TYPES;

/** Type that is registered with IANA: clients may already know it from other servers. */
export const QUOTA_EXCEEDED_TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/** Return the `type` of a problem. `publicUrl` is Latchkey's address for people. */
export function typeUri(slug: Slug, publicUrl: string): string {
  return slug === "quota-exceeded" ? QUOTA_EXCEEDED_TYPE : `${publicUrl}/problems/${slug}`;
}
