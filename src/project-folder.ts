import { fileURLToPath } from 'node:url';

/** Where package.json is: one folder up from src/ as from dist/, whose files all lie side by side. */
export const PROJECT_FOLDER = fileURLToPath(new URL('..', import.meta.url));
