import { setFlagsFromString } from 'node:v8';

/*
 * Import this module first: V8 reads the flags when it compiles code.
 *
 * Pretenuring: V8 allocates objects of an allocation site directly in the old generation once enough of the site's objects have
 * survived. It misjudges the sites that allocate a list per database result. From then on even dead lists keep their contents
 * alive until the old generation is collected, and every young collection copies those contents. Reading pages of history took
 * twice as long.
 */
setFlagsFromString('--no-allocation-site-pretenuring');

/*
 * Memory reducer: when little is allocated after a collection of the old generation, V8 collects it again to return memory: three
 * times within two seconds, in pauses of 25, 45 and 10 ms for a process with a hundred sockets. Messages in quiet chats waited
 * for them: p99 was 16 to 20 ms, and is 13 to 15 ms with a single collection.
 */
const ONE_COLLECTION: Record<string, string> = {
  11: '--memory-reducer-single-gc',
  13: '--memory-reducer-gc-count=1',
};
const oneCollection = ONE_COLLECTION[process.versions.v8.split('.')[0] ?? ''];
if (oneCollection) setFlagsFromString(oneCollection);

/*
 * WebAssembly tier-up: V8 compiles a function again, fully optimized, once it has executed this many bytes of code. The default of
 * V8 11 is so low that the one query of a start optimized hundreds of functions of Prisma's query compiler: half a second of CPU
 * and 45 MB that stayed. What that query takes grows with the Prisma schema: with 27 models it exceeded 13,000,000. Functions that run
 * in every request still exceed this budget within seconds.
 */
if (process.versions.v8.startsWith('11.')) setFlagsFromString('--wasm-tiering-budget=30000000');
