/** Fastify: an `onRequest` hook that protects routes, plugins or the whole app. */

import type { FastifyReply, FastifyRequest } from "fastify";

import type { Options } from "./configuration.js";
import { Guard } from "./guard.js";
import { IncomingRequest, readRawHeaders } from "./incoming.js";
import { readNeeds, type Needs } from "./needs.js";
import type { Principal } from "./principal.js";

export { ConfigurationError, type Options } from "./configuration.js";
export type { Needs } from "./needs.js";
export { Principal } from "./principal.js";

declare module "fastify" {
  interface FastifyRequest {
    /** The key that the request is from, behind `requireKey`. */
    latchkey: Principal;
  }
}

export type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

export interface Latchkey {
  /** Return a hook `onRequest` that lets a request pass only with a valid key that meets `needs`. */
  requireKey(needs?: Needs): Hook;
  /** Close the connections to Latchkey that aren't in use. The process can end without it. */
  close(): void;
}

/** Return the hooks for an app. Settings that aren't in `options` are read from the environment. */
export function latchkey(options: Options = {}): Latchkey {
  const guard = new Guard(options);
  return {
    requireKey(needs) {
      const wanted = readNeeds(needs);
      return async (request, reply) => {
        const outcome = await guard.admit(request.raw, () => incoming(request), wanted);
        for (const [name, value] of outcome.fields) reply.header(name, value);
        if (outcome.allowed) {
          request.latchkey = outcome.principal;
          return undefined;
        }
        // Fastify would add a character set to the type of a text.
        return reply.code(outcome.status).send(Buffer.from(outcome.body));
      };
    },
    close: () => guard.close(),
  };
}

function incoming(request: FastifyRequest): IncomingRequest {
  return new IncomingRequest(request.originalUrl, readRawHeaders(request.raw.rawHeaders));
}
