/** Request ID: one name for a request in Latchkey's log, in yours, and in the response. */

import { randomBytes } from "node:crypto";

import { containsSecret } from "./secret-detection.js";

const PATTERN = /^[A-Za-z0-9._-]{1,128}$/;

/** Return a new request ID: 32 random hexadecimal characters. */
export function newRequestId(): string {
  return randomBytes(16).toString("hex");
}

/** Return whether `text` can be a request ID: 1 to 128 letters, digits, '.', '_' or '-', without a secret. */
export function isRequestId(text: string): boolean {
  return PATTERN.test(text) && !containsSecret(text);
}

/** Return the client's ID if it can be a request ID, otherwise a new one. */
export function resolveRequestId(offered: string | undefined): string {
  // An ID of arbitrary characters could inject lines into a log.
  return offered !== undefined && isRequestId(offered) ? offered : newRequestId();
}
