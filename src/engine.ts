import { setFlagsFromString } from 'node:v8';

/*
 * Imported before everything else, for V8 reads this as it compiles.
 *
 * V8 puts what a place in the code makes into the old generation once enough of it was seen to live on. A place that makes
 * a list for each answer of the database is soon taken for one by mistake; from then on each list, dead or not, keeps all
 * that is in it until the old generation is cleaned, and the young one's collections copy it. Reading pages of history took
 * twice the time in them.
 */
setFlagsFromString('--no-allocation-site-pretenuring');
