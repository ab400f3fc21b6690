/** Failures below HTTP: distinguishes TLS, DNS, a refused connection, a timeout and a lost connection. */

import { NoResponse, UntrustedServer } from "./failures.js";

const TLS = /^(CERT_|DEPTH_ZERO_|EPROTO|ERR_SSL_|ERR_TLS_|HOSTNAME_|INVALID_|PATH_LENGTH_|SELF_SIGNED_|UNABLE_TO_)/;
const UNTRUSTED =
  "Check the host name in the URL. If the certificate is from your own authority, set NODE_EXTRA_CA_CERTS to the " +
  "authority's file. If the server has no TLS, use a URL that begins with http://.";

/** Return the failure behind an error of Node.js. Its message names the host, and nothing that was sent. */
export function connectionFailure(error: NodeJS.ErrnoException, host: string): NoResponse {
  const code = error.code ?? "";
  if (TLS.test(code)) {
    return new UntrustedServer(`The TLS of ${host} can't be trusted (${code}).`, { remedy: UNTRUSTED });
  }
  switch (code) {
    case "ECONNREFUSED":
      return new NoResponse(`Nothing listens at ${host}.`);
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new NoResponse(`${host} has no address.`);
    case "ECONNRESET":
    case "EPIPE":
      return lostConnection(host);
    default:
      return new NoResponse(`${host} cannot be reached, or doesn't speak HTTP${code && ` (${code})`}.`);
  }
}

/** Return the failure of a connection that ended before the whole response had come. */
export function lostConnection(host: string): NoResponse {
  return new NoResponse(`${host} closed the connection before it responded.`);
}

/** Return the failure of a call whose time is over. */
export function timedOut(host: string, isConnected: boolean): NoResponse {
  return new NoResponse(
    isConnected
      ? `${host} accepted the call but did not respond in time.`
      : `${host} did not accept the connection in time.`,
  );
}
