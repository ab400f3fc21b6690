/** Express: a middleware that protects routes, routers or the whole app. It also fits Connect. */

import type { IncomingMessage, ServerResponse } from "node:http";

import type { Options } from "./configuration.js";
import { Guard } from "./guard.js";
import { IncomingRequest, readRawHeaders } from "./incoming.js";
import { readNeeds, type Needs } from "./needs.js";
import type { Principal } from "./principal.js";

export { ConfigurationError, type Options } from "./configuration.js";
export type { Needs } from "./needs.js";
export { Principal } from "./principal.js";

declare global {
  namespace Express {
    interface Request {
      /** The key that the request is from, behind `requireKey`. */
      latchkey: Principal;
    }
  }
}

type ExpressRequest = IncomingMessage & { latchkey?: Principal; originalUrl?: string };

export type Middleware = (request: ExpressRequest, response: ServerResponse, next: (error?: unknown) => void) => void;

export interface Latchkey {
  /** Return a middleware that lets a request pass only with a valid key that meets `needs`. */
  requireKey(needs?: Needs): Middleware;
  /** Close the connections to Latchkey that aren't in use. The process can end without it. */
  close(): void;
}

/** Return the middlewares for an app. Settings that aren't in `options` are read from the environment. */
export function latchkey(options: Options = {}): Latchkey {
  const guard = new Guard(options);
  return {
    requireKey(needs) {
      const wanted = readNeeds(needs);
      return (request, response, next) => {
        admit(guard, wanted, request, response).then((passes) => (passes ? next() : undefined), next);
      };
    },
    close: () => guard.close(),
  };
}

/** Return whether the request may pass; otherwise it has got its response. */
async function admit(
  guard: Guard,
  needs: Required<Needs>,
  request: ExpressRequest,
  response: ServerResponse,
): Promise<boolean> {
  const outcome = await guard.admit(request, () => incoming(request), needs);
  for (const [name, value] of outcome.fields) response.setHeader(name, value);
  if (outcome.allowed) {
    request.latchkey = outcome.principal;
    return true;
  }
  response.statusCode = outcome.status;
  response.end(outcome.body);
  return false;
}

function incoming(request: ExpressRequest): IncomingRequest {
  // Within a router, `url` lacks the path at which the router is mounted.
  return new IncomingRequest(request.originalUrl ?? request.url ?? "/", readRawHeaders(request.rawHeaders));
}
