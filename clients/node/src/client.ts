/** Client: verifies credentials with Latchkey. */

import { readConnection, type ConnectionOptions } from "./configuration.js";
import { newRequestId } from "./request-id.js";
import { responseJson } from "./response.js";
import { Transport } from "./transport.js";
import { readVerification, type Verification } from "./verification.js";

/** What a request needs, and the ID under which Latchkey logs its verification. */
export interface VerifyOptions {
  readonly scopes?: readonly string[];
  readonly cost?: number;
  readonly requestId?: string;
}

/**
 * Client for one Latchkey and the key that calls it, which needs the scope `verify`.
 *
 * It keeps its connections open and repeats no call. Create one for your whole process. Settings that aren't in the
 * options are read from the environment. Throws ConfigurationError.
 */
export class Client {
  readonly #transport: Transport;

  constructor(options: ConnectionOptions = {}) {
    this.#transport = new Transport(readConnection(options));
  }

  /**
   * Return whether `credential` is valid, holds `scopes`, and has `cost` tokens (default 1), which are taken.
   *
   * Throws ClientError if there is no verdict: deny the request then.
   */
  async verify(credential: string, options: VerifyOptions = {}): Promise<Verification> {
    const { scopes = [], cost = 1, requestId = newRequestId() } = options;
    const received = await this.#transport.post("/v1/verify", { credential, scopes, cost }, requestId);
    return readVerification(responseJson(received));
  }

  /** Close the connections that aren't in use. The process can end without it. */
  close(): void {
    this.#transport.close();
  }
}
