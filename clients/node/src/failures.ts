/** Failures of a call: Latchkey returned a problem, there was no response, or it wasn't Latchkey's. */

/** Base class of what a call throws: there is no verdict, so let nothing pass. No message contains a secret. */
export class ClientError extends Error {
  override readonly name: string = "ClientError";
  /** Status of the response, if there was one. */
  readonly status: number | undefined;
  /** What to do next. */
  readonly remedy: string;

  constructor(message: string, { status, remedy = "" }: { status?: number; remedy?: string } = {}) {
    super(message);
    this.status = status;
    this.remedy = remedy;
  }
}

/** Latchkey couldn't be reached, was too slow, or closed the connection before it had responded. */
export class NoResponse extends ClientError {
  override readonly name: string = "NoResponse";
}

/** TLS failed. Nothing was sent. */
export class UntrustedServer extends NoResponse {
  override readonly name = "UntrustedServer";
}

/** A response that isn't from Latchkey, or not from Latchkey alone. */
export class UnexpectedResponse extends ClientError {
  override readonly name = "UnexpectedResponse";

  constructor(message: string, status?: number) {
    const remedy = "Check that the URL is the address of a Latchkey server, and check the proxy in front of it.";
    super(message, status === undefined ? { remedy } : { status, remedy });
  }
}

/** A rejected field: why, and what to do. */
export interface FieldError {
  readonly code: string;
  readonly detail: string;
}

interface ProblemParts {
  readonly slug: string;
  readonly status: number;
  readonly detail: string;
  readonly retryAfterSeconds: number | undefined;
  readonly errors: readonly FieldError[];
  readonly remedy: string;
}

/** A problem (RFC 9457) that Latchkey returned. `slug` is the last part of its type. */
export class ReceivedProblem extends ClientError {
  override readonly name = "ReceivedProblem";
  readonly slug: string;
  readonly retryAfterSeconds: number | undefined;
  readonly errors: readonly FieldError[];

  constructor(parts: ProblemParts) {
    super(parts.detail, parts);
    this.slug = parts.slug;
    this.retryAfterSeconds = parts.retryAfterSeconds;
    this.errors = parts.errors;
  }
}
