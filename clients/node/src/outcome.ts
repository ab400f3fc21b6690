/** Outcome of a request's authentication: it's allowed, or it gets a problem response. */

import { REQUEST_ID, type Fields } from "./headers.js";
import type { IncomingRequest } from "./incoming.js";
import type { Principal } from "./principal.js";
import { problemBody, problemFields, type Problem } from "./problem.js";
import { PROBLEM_TYPES } from "./problem-types.js";
import { rateLimitFields } from "./rate-limit-fields.js";
import { allLimits } from "./limits.js";
import type { Verification } from "./verification.js";

/** A request that may pass. `fields` belong to its response, whatever that is. */
export interface Allowed {
  readonly allowed: true;
  readonly principal: Principal;
  readonly fields: Fields;
}

/** A request that may not pass: the problem response that it gets. */
export interface Denied {
  readonly allowed: false;
  readonly status: number;
  readonly fields: Fields;
  readonly body: string;
}

export type Outcome = Allowed | Denied;

/** Return the fields of every response: the request ID, and what is left of the limits of the verified key. */
export function responseFields(request: IncomingRequest, found?: Verification): Fields {
  const limits = found === undefined ? [] : allLimits(found.rateLimit, found.limits);
  return [[REQUEST_ID, request.requestId], ...rateLimitFields(limits)];
}

/** Return the problem response for `problem`. `fields` are those of every response. */
export function denied(request: IncomingRequest, problem: Problem, fields: Fields, publicUrl: string): Denied {
  return {
    allowed: false,
    status: PROBLEM_TYPES[problem.slug].status,
    fields: [...fields, ...problemFields(problem)],
    body: problemBody(problem, request.path, request.requestId, publicUrl),
  };
}
