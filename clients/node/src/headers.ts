/** Names of the HTTP header fields that an integration reads and writes. */

export const API_KEY = "X-API-Key";
export const AUTHORIZATION = "Authorization";
export const REQUEST_ID = "X-Request-Id";
export const RETRY_AFTER = "Retry-After";

export const LATCHKEY_KEY_ID = "X-Latchkey-Key-Id";
export const LATCHKEY_OWNER = "X-Latchkey-Owner";
export const LATCHKEY_SCOPES = "X-Latchkey-Scopes";

/** Value of WWW-Authenticate in every 401. */
export const CHALLENGE = 'Bearer realm="Latchkey"';

/** Header fields of a response, in order. */
export type Fields = readonly (readonly [name: string, value: string])[];
