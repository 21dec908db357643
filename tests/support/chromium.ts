import { delimiter, join } from 'node:path';
import { type Browser, chromium as engine } from 'playwright-core';
import { isProgram } from './server-program.js';

/** What distributions call it; the last ones are made of it and do as well. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** No request but those of the pages that a test opens; root, as in containers, has no sandbox. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The Chromium of this machine, which `CHROMIUM_PATH` may name; without one the tests of browsers are skipped. */
export function findChromium({ CHROMIUM_PATH, PATH = '' }: NodeJS.ProcessEnv = process.env): string | undefined {
  if (CHROMIUM_PATH) return CHROMIUM_PATH;
  const folders = PATH.split(delimiter).filter((folder) => folder !== '');
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
}

/** A real browser, without a window, whose profile is empty and goes with it. */
export function launchChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('There is no Chromium here.');
  return engine.launch({ executablePath, args: FLAGS });
}
