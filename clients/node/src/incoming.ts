/** Incoming request, as far as a decision about it depends on it. */

import { inspect } from "node:util";

import { credentialFromHeaders } from "./credential-headers.js";
import type { Credential } from "./credentials.js";
import { API_KEY, AUTHORIZATION, LATCHKEY_KEY_ID, LATCHKEY_OWNER, LATCHKEY_SCOPES, REQUEST_ID } from "./headers.js";
import { percentDecode } from "./percent-encoding.js";
import { Principal } from "./principal.js";
import type { Problem } from "./problem.js";
import { resolveRequestId } from "./request-id.js";

/** Function that returns a header field by its name; several fields of that name joined by commas. */
export type ReadHeader = (name: string) => string | undefined;

/** A request to the app. It shows no credential when inspected. */
export class IncomingRequest {
  readonly path: string;
  readonly requestId: string;
  readonly #header: ReadHeader;

  /** `target` is the path as it was sent; a query is ignored. */
  constructor(target: string, header: ReadHeader) {
    this.path = percentDecode(/^[^?#]*/.exec(target)?.[0] ?? "") || "/";
    this.requestId = resolveRequestId(header(REQUEST_ID));
    this.#header = header;
  }

  /** Return the credential, or the problem with what was sent. `isToken` is as in `credentialFromHeaders`. */
  credential(isToken?: (text: string) => boolean): Credential | Problem {
    return credentialFromHeaders(this.#header(API_KEY), this.#header(AUTHORIZATION), isToken);
  }

  /** Return the caller as `X-Latchkey-*` fields name it. Anyone can send them. */
  proxyIdentity(): Principal | undefined {
    const [keyId, owner, scopes] = [LATCHKEY_KEY_ID, LATCHKEY_OWNER, LATCHKEY_SCOPES].map(this.#header);
    return Principal.ofProxy(keyId, owner, scopes);
  }

  [inspect.custom](): string {
    return `IncomingRequest(${this.requestId})`;
  }
}

/** Return the function that reads a field of Node.js's `rawHeaders`. */
export function readRawHeaders(rawHeaders: readonly string[]): ReadHeader {
  return (name) => {
    // Node.js keeps only the first of several Authorization fields in `headers`.
    const wanted = name.toLowerCase();
    const found = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === wanted);
    return found.length > 0 ? found.join(",") : undefined;
  };
}
