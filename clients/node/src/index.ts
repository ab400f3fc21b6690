/** Client of Latchkey. The integrations are in `@latchkey/node/express`, `/fastify` and `/hono`. */

export { Client, type VerifyOptions } from "./client.js";
export { ConfigurationError, type ConnectionOptions } from "./configuration.js";
export { ClientError, NoResponse, ReceivedProblem, UnexpectedResponse, UntrustedServer } from "./failures.js";
export type { PlanLimit, RemainingLimit } from "./limits.js";
export type { Verification } from "./verification.js";
