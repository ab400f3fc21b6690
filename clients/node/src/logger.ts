/** Logger: where an integration says why there is no verdict. */

/** Receiver of lines without secrets, for example `console`, pino or winston. */
export interface Logger {
  warn(message: string): void;
  error(message: string): void;
}
