/** Client of Latchkey. The integrations are in `@latchkey/node/express`, `/fastify` and `/hono`. */

export { Client, type VerifyOptions } from "./client.js";
export { ConfigurationError, type ConnectionOptions } from "./configuration.js";
export { ClientError, NoResponse, ReceivedProblem, UnexpectedResponse, UntrustedServer } from "./failures.js";
export type { RemainingLimit, Verification } from "./verification.js";
