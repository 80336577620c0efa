// @ts-check
/** What tells executions apart, and how pages of them are put together. */

/** @typedef {import("./types.js").Execution} Execution */

/**
 * Return what tells an execution from the others of its task.
 * @param {Execution} execution
 */
export function keyOf(execution) {
  return `${execution.run_id} ${execution.try_number}`;
}

/**
 * Return all executions, newest first, each once: a later page may begin with what the first page has meanwhile.
 * @param {Execution[]} newest the first page as it is now
 * @param {Execution[]} older the pages after it, as they were
 */
export function merged(newest, older) {
  const seen = new Set(newest.map(keyOf));
  return [...newest, ...older.filter((execution) => !seen.has(keyOf(execution)))];
}
