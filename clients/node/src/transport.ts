/** Transport: sends calls over connections that are kept open, at most so many at the same time. */

import * as http from "node:http";
import * as https from "node:https";
import type { IncomingHttpHeaders } from "node:http";

import { connectionFailure, lostConnection, timedOut } from "./connection-failures.js";
import type { Credential } from "./credentials.js";
import { UnexpectedResponse, type ClientError } from "./failures.js";
import { API_KEY, REQUEST_ID } from "./headers.js";

// Latchkey closes a connection that is idle for 75 seconds. The client has to be the first to close it: otherwise a
// call could be sent at the moment in which the server closes.
const KEEP_ALIVE_MILLISECONDS = 30_000;
const MAX_RESPONSE_BYTES = 1024 * 1024;

/** Response that has been read. */
export interface Received {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface TransportOptions {
  readonly url: string;
  readonly credential: Credential;
  readonly timeoutSeconds: number;
  readonly maxConnections: number;
}

/** Sender of calls. It never repeats one, and follows no redirect, which would send the key to another server. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #protocol: typeof http | typeof https;
  readonly #agent: http.Agent;
  readonly #host: string;

  constructor(options: TransportOptions) {
    this.#options = options;
    const url = new URL(options.url);
    this.#host = url.host;
    this.#protocol = url.protocol === "https:" ? https : http;
    this.#agent = new this.#protocol.Agent({
      keepAlive: true,
      maxSockets: options.maxConnections,
      timeout: KEEP_ALIVE_MILLISECONDS,
    });
  }

  /** Send `value` as JSON, and return the response. Throws ClientError. */
  post(path: string, value: unknown, requestId: string): Promise<Received> {
    const body = Buffer.from(JSON.stringify(value));
    const request = this.#protocol.request(this.#options.url + path, {
      method: "POST",
      agent: this.#agent,
      headers: {
        Accept: "application/json",
        "Content-Type": "application/json",
        "Content-Length": body.length,
        "User-Agent": "latchkey-node",
        [API_KEY]: this.#options.credential.reveal(),
        [REQUEST_ID]: requestId,
      },
    });
    const received = this.#receive(request);
    request.end(body);
    return received;
  }

  /** Close the connections that aren't in use. */
  close(): void {
    this.#agent.destroy();
  }

  #receive(request: http.ClientRequest): Promise<Received> {
    return new Promise((resolve, reject) => {
      const fail = (failure: ClientError): void => {
        // Destroying the request causes another error. Only the first failure counts.
        clearTimeout(timer);
        reject(failure);
        request.destroy();
      };
      const onTimeout = (): void => fail(timedOut(this.#host, request.socket?.connecting === false));
      // One time for everything: to wait for a connection, to connect, to send, and to read the whole response.
      const timer = setTimeout(onTimeout, this.#options.timeoutSeconds * 1000);
      request.on("error", (error) => fail(connectionFailure(error, this.#host)));
      request.on("response", (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          size += chunk.length;
          if (size > MAX_RESPONSE_BYTES) {
            fail(new UnexpectedResponse("The response is too large.", response.statusCode));
          }
        });
        response.on("error", () => fail(lostConnection(this.#host)));
        response.on("end", () => {
          clearTimeout(timer);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
        });
      });
    });
  }
}
