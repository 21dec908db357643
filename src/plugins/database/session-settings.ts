/**
 * Settings of every session, on PostgreSQL and embedded.
 *
 * `timezone` to `standard_conforming_strings`: the format of values. adapter-pg reads and writes times without an offset, so a
 * session in another time zone would shift them.
 *
 * `search_path`: models and raw statements use the same tables. `default_transaction_isolation`: the level that the statements
 * are written for.
 *
 * `plan_cache_mode` and `enable_seqscan` make query plans independent of statistics. Every query here has an index and reads one page. But a plan made
 * while a table was not analyzed (the embedded database never is) or still small may scan the whole table: 300 ms instead of
 * 0.2 ms for a page of a chat with 200,000 messages.
 *
 * `jit`: a plan whose cost looks high is compiled at every execution, which takes 50 ms and more. The cost of a plan that has to scan
 * looks so with `enable_seqscan` off, be the table one row.
 */
export const SESSION_SETTINGS = {
  timezone: 'UTC',
  datestyle: 'ISO, MDY',
  intervalstyle: 'postgres',
  bytea_output: 'hex',
  standard_conforming_strings: 'on',
  search_path: 'public',
  default_transaction_isolation: 'read committed',
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  jit: 'off',
};
