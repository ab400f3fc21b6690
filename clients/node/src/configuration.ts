/** Configuration: where Latchkey is, the app's own key, and what happens without a verdict. */

import { serverUrl } from "./address.js";
import { parseCredential, type Credential } from "./credentials.js";
import type { Logger } from "./logger.js";
import { rejectUnknownNames } from "./names.js";

const MAX_TIMEOUT_SECONDS = 60;
const MAX_CONNECTIONS = 10_000;
const SWITCHES: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["false", false],
  ["0", false],
]);

/** A setting that is missing or invalid. The message names it, and never repeats its value. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

/** Settings of a client that are passed in code. They override those of the environment. */
export interface ConnectionOptions {
  /** LATCHKEY_URL: Latchkey's address, as your app reaches it. */
  readonly url?: string | undefined;
  /** LATCHKEY_API_KEY: the credential of your app's own key, with the scope `verify`. */
  readonly apiKey?: string | undefined;
  /** LATCHKEY_TIMEOUT: seconds that a verification may take, at most 60. The default is 2. */
  readonly timeoutSeconds?: number | undefined;
  /** LATCHKEY_MAX_CONNECTIONS: connections of the process to Latchkey. The default is 32. */
  readonly maxConnections?: number | undefined;
}

/** Settings of an integration that are passed in code. They override those of the environment. */
export interface Options extends ConnectionOptions {
  /** LATCHKEY_PUBLIC_URL: Latchkey's address for people, in the `type` of problems. The default is `url`. */
  readonly publicUrl?: string | undefined;
  /** LATCHKEY_FAIL_OPEN: lets requests pass while Latchkey is down. Dangerous. */
  readonly failOpen?: boolean | undefined;
  /** LATCHKEY_TRUST_PROXY_IDENTITY: trusts a proxy that has checked the request. Dangerous without one. */
  readonly trustProxyIdentity?: boolean | undefined;
  /** LATCHKEY_IMPORTED_TOKENS: verifies tokens of another system too, whose keys you have imported. */
  readonly importedTokens?: boolean | undefined;
  /** Receives a line for each request without a verdict. The default is `console`. */
  readonly logger?: Logger | undefined;
}

export interface Connection {
  readonly url: string;
  readonly credential: Credential;
  readonly timeoutSeconds: number;
  readonly maxConnections: number;
}

export interface Configuration {
  readonly url: string;
  readonly publicUrl: string;
  readonly failOpen: boolean;
  readonly trustProxyIdentity: boolean;
  readonly importedTokens: boolean;
  readonly logger: Logger;
}

const CONNECTION_NAMES = ["url", "apiKey", "timeoutSeconds", "maxConnections"];
const NAMES = [...CONNECTION_NAMES, "publicUrl", "failOpen", "trustProxyIdentity", "importedTokens", "logger"];

/** Return where and how to call Latchkey, from `options` and the environment. Throws ConfigurationError. */
export function readConnection(options: ConnectionOptions): Connection {
  rejectUnknownNames(options, CONNECTION_NAMES, "option");
  return {
    url: readUrl("URL", options.url ?? setting("URL")),
    credential: readCredential(options.apiKey ?? setting("API_KEY")),
    timeoutSeconds: readNumber("TIMEOUT", options.timeoutSeconds, 2, 0.001, MAX_TIMEOUT_SECONDS),
    maxConnections: Math.round(readNumber("MAX_CONNECTIONS", options.maxConnections, 32, 1, MAX_CONNECTIONS)),
  };
}

/** Return how to decide about requests, from `options` and the environment. Throws ConfigurationError. */
export function readConfiguration(options: Options): Configuration {
  rejectUnknownNames(options, NAMES, "option");
  const url = readUrl("URL", options.url ?? setting("URL"));
  return {
    url,
    publicUrl: readUrl("PUBLIC_URL", options.publicUrl ?? setting("PUBLIC_URL") ?? url),
    failOpen: readSwitch("FAIL_OPEN", options.failOpen),
    trustProxyIdentity: readSwitch("TRUST_PROXY_IDENTITY", options.trustProxyIdentity),
    importedTokens: readSwitch("IMPORTED_TOKENS", options.importedTokens),
    logger: options.logger ?? console,
  };
}

/** Return the value of a setting in the environment. An empty one counts as not set. */
function setting(name: string): string | undefined {
  return process.env[`LATCHKEY_${name}`] || undefined;
}

function readUrl(name: string, value: unknown): string {
  if (value === undefined) {
    throw new ConfigurationError(`LATCHKEY_${name} is not set. Set it to the address of Latchkey.`);
  }
  return checked(name, () => serverUrl(String(value)));
}

function readCredential(value: unknown): Credential {
  if (value === undefined) {
    throw new ConfigurationError(
      "LATCHKEY_API_KEY is not set. Set it to the credential of this service's own key, which needs the scope verify.",
    );
  }
  return checked("API_KEY", () => parseCredential(String(value)));
}

function checked<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/\.$/, "") : "";
    throw new ConfigurationError(`LATCHKEY_${name} is invalid: ${reason}.`);
  }
}

function readNumber(name: string, option: unknown, otherwise: number, minimum: number, maximum: number): number {
  const value = option ?? setting(name);
  const number = value === undefined ? otherwise : Number(value);
  // Also rejects NaN, which no comparison accepts.
  if (!(minimum <= number && number <= maximum)) {
    throw new ConfigurationError(`LATCHKEY_${name} must be a number from ${minimum} to ${maximum}.`);
  }
  return number;
}

function readSwitch(name: string, option: unknown): boolean {
  const found = SWITCHES.get(String(option ?? setting(name) ?? false).toLowerCase());
  if (found === undefined) throw new ConfigurationError(`LATCHKEY_${name} must be true or false.`);
  return found;
}
