/** Hono on Node.js: a middleware that protects routes, or the whole app. */

import type { MiddlewareHandler } from "hono";

import type { Options } from "./configuration.js";
import { Guard } from "./guard.js";
import { IncomingRequest } from "./incoming.js";
import { readNeeds, type Needs } from "./needs.js";
import type { Principal } from "./principal.js";

export { ConfigurationError, type Options } from "./configuration.js";
export type { Needs } from "./needs.js";
export { Principal } from "./principal.js";

/** Variables of a context behind `requireKey`: the key that the request is from. */
export interface LatchkeyEnv {
  Variables: { latchkey: Principal };
}

export interface Latchkey {
  /** Return a middleware that lets a request pass only with a valid key that meets `needs`. */
  requireKey(needs?: Needs): MiddlewareHandler<LatchkeyEnv>;
  /** Close the connections to Latchkey that aren't in use. The process can end without it. */
  close(): void;
}

/** Return the middlewares for an app. Settings that aren't in `options` are read from the environment. */
export function latchkey(options: Options = {}): Latchkey {
  const guard = new Guard(options);
  return {
    requireKey(needs) {
      const wanted = readNeeds(needs);
      return async (context, next) => {
        const outcome = await guard.admit(context, () => incoming(context.req.raw), wanted);
        if (!outcome.allowed) {
          return new Response(outcome.body, { status: outcome.status, headers: Object.fromEntries(outcome.fields) });
        }
        context.set("latchkey", outcome.principal);
        await next();
        // A handler may have made the response itself, so it's known only now.
        for (const [name, value] of guard.fieldsOf(context)) context.header(name, value);
        return undefined;
      };
    },
    close: () => guard.close(),
  };
}

function incoming(request: Request): IncomingRequest {
  return new IncomingRequest(new URL(request.url).pathname, (name) => request.headers.get(name) ?? undefined);
}
