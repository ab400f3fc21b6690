/** Problem details (RFC 9457): why a request is denied, and the response that says so. */

import { CHALLENGE, RETRY_AFTER, type Fields } from "./headers.js";
import { PROBLEM_TYPES, typeUri, type Slug } from "./problem-types.js";
import { redactTokens } from "./redaction.js";

export const MEDIA_TYPE = "application/problem+json";

/** Reason for a denial. `detail` never repeats what the client sent. */
export interface Problem {
  readonly slug: Slug;
  readonly detail: string;
  readonly violatedPolicies?: readonly string[];
  readonly retryAfterSeconds?: number | null;
}

/** Return the JSON of a problem response. `path` is that of the request; secrets in it are removed. */
export function problemBody(problem: Problem, path: string, requestId: string, publicUrl: string): string {
  const { status, title } = PROBLEM_TYPES[problem.slug];
  return JSON.stringify({
    type: typeUri(problem.slug, publicUrl),
    title,
    status,
    detail: redactTokens(problem.detail),
    instance: redactTokens(path),
    request_id: requestId,
    "violated-policies": problem.violatedPolicies,
  });
}

/** Return the header fields of a problem response, in addition to those of every response. */
export function problemFields(problem: Problem): Fields {
  const { status } = PROBLEM_TYPES[problem.slug];
  const wait = problem.retryAfterSeconds ?? null;
  return [
    ["Content-Type", MEDIA_TYPE],
    ["Cache-Control", "no-store"],
    ...(status === 401 ? [["WWW-Authenticate", CHALLENGE] as const] : []),
    ...(wait === null ? [] : [[RETRY_AFTER, String(wait)] as const]),
  ];
}
