/**
 * What every session is set to, on a server and embedded.
 *
 * `timezone`: adapter-pg reads and writes times without their offset, so a session in any other zone would shift them.
 *
 * The other two keep a statement's plan from depending on statistics. What is asked here is answered by an index and ends
 * with a page; but a plan for a table that was not analyzed yet (the embedded database never is), or that was small when the
 * plan was made, may read all of it: 300 ms for a page of a chat with 200,000 messages, and 0.2 ms by its index.
 */
export const SESSION_SETTINGS = { timezone: 'UTC', plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off' };
