import { delimiter, join } from 'node:path';
import { type Browser, chromium as engine } from 'playwright-core';
import { isProgram } from './server-program.js';

/** Chromium's name in various distributions. The last ones are browsers built on it, which work too. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** Allows no requests but those of the pages that a test opens. No sandbox: root, as in a container, cannot use it. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The path of this machine's Chromium, or `CHROMIUM_PATH`. Without one, browser tests are skipped. */
export function findChromium({ CHROMIUM_PATH, PATH = '' }: NodeJS.ProcessEnv = process.env): string | undefined {
  if (CHROMIUM_PATH) return CHROMIUM_PATH;
  const folders = PATH.split(delimiter).filter((folder) => folder !== '');
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
}

/** A headless Chromium with an empty profile, which is removed when the browser is closed. */
export function launchChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('There is no Chromium here.');
  return engine.launch({ executablePath, args: FLAGS });
}
