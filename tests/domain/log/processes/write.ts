import { writeAtRandom } from '../mark-writer.js';

// The options of a writer as JSON; how many transactions were committed goes to standard output.
process.stdout.write(String(await writeAtRandom(JSON.parse(process.argv[2] ?? ''))));
