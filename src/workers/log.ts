/** Writes a line as the service's log has them. */
export type Log = (message: string, details?: object, level?: number) => void;

export const LEVELS = {
  fatal: 60,
  error: 50,
  warn: 40,
  info: 30,
  debug: 20,
  trace: 10,
  silent: Number.POSITIVE_INFINITY,
};

/** The log of the supervisor, which does not load the service's. @param least lines below this level are left out */
export function openLog(least: keyof typeof LEVELS): Log {
  return (message, details = {}, level = LEVELS.info) => {
    if (level < LEVELS[least]) return;
    const line = { level, time: Date.now(), pid: process.pid, ...details, msg: message };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  };
}
