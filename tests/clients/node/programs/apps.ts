// Serves apps, and calls functions of the package, as the lines of standard input say. Answers each with a line.
import type { AddressInfo, Server } from "node:net";
import { createInterface } from "node:readline";
import type { Options } from "@latchkey/node/express";
import { FUNCTIONS } from "./internals.js";
import { SERVICES } from "./services.js";

interface Command {
  start?: string;
  options?: Options;
  environment?: Record<string, string>;
  stop?: number;
  log?: number;
  call?: string;
  given?: unknown[];
}

const servers = new Map<number, Server>();
const logs = new Map<number, [level: string, message: string][]>();

async function start(framework: string, options: Options): Promise<object> {
  const lines: [string, string][] = [];
  const logger = {
    warn: (message: string) => void lines.push(["WARNING", message]),
    error: (message: string) => void lines.push(["ERROR", message]),
  };
  const service = SERVICES[framework];
  if (service === undefined) throw new Error(framework);
  const server: Server = await service({ ...options, logger });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  servers.set(port, server);
  logs.set(port, lines);
  return { port };
}

async function run(command: Command): Promise<object> {
  for (const name of Object.keys(process.env)) if (name.startsWith("LATCHKEY_")) delete process.env[name];
  Object.assign(process.env, command.environment);
  if (command.start !== undefined) return start(command.start, command.options ?? {});
  if (command.log !== undefined) return { lines: logs.get(command.log)?.splice(0) };
  if (command.stop !== undefined) {
    servers.get(command.stop)?.close();
    return {};
  }
  return { value: (await FUNCTIONS[command.call ?? ""]?.(...(command.given ?? []))) ?? null };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer: object;
  try {
    answer = await run(JSON.parse(line) as Command);
  } catch (error) {
    const { name, message } = error as Error;
    answer = { error: name, message };
  }
  console.log(JSON.stringify(answer));
}
process.exit();
