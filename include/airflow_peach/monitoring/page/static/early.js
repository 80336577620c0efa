// @ts-check
/**
 * What a page needs is asked for all at once, before the first of it stands: its modules, its stylesheet,
 * the answers it will show first. Else each would wait for the one before. Imports nothing.
 */

const MODULES = [
  "ansi", "artefact", "elements", "environment", "execution_table", "executions", "format", "host", "log_feed",
  "log_frame", "log_lines", "log_search", "log_view", "loop", "organisation", "overview", "page", "polling", "problems",
  "run_now", "save", "selection", "server", "task_detail", "task_table",
];
const GRAPH = "duration_graph";
// An answer that nobody has taken by then is not news any more.
const FRESH_MS = 10_000;

/** @type {Map<string, { response: Promise<Response>, at: number }>} */
const asked = new Map();

/**
 * Return the response that was asked for early, once; nothing when there is none.
 * @param {string} path below Airflow's root
 */
export function taken(path) {
  const early = asked.get(path);
  asked.delete(path);
  return early && performance.now() - early.at < FRESH_MS ? early.response : undefined;
}

/** @param {string} path */
function ask(path) {
  const response = fetch(new URL(path, document.baseURI), { credentials: "same-origin", headers: { Accept: "application/json" } });
  // Who takes it sees the error.
  response.catch(() => undefined);
  asked.set(path, { response, at: performance.now() });
}

/** @param {string} name */
function load(name) {
  // Whoever imports it sees the error.
  import(`./${name}.js`).catch(() => undefined);
}

/**
 * Ask for all that this selection needs.
 * @param {URLSearchParams} selection as selection.js reads it
 */
export function start(selection) {
  const org = selection.get("org");
  const task = selection.get("task");
  const organisations = "peach/api/organisations";
  const organisation = `${organisations}/${encodeURIComponent(org ?? "")}`;
  if (org) ask(organisation);
  if (org && task) ask(`${organisation}/tasks/${encodeURIComponent(task)}/executions`);
  ask(organisations);
  // After the answers, which take longest: a browser asks one host for six things at a time.
  const style = document.createElement("link");
  Object.assign(style, { rel: "preload", as: "style", href: new URL("./page.css", import.meta.url).href });
  document.head.append(style);
  MODULES.forEach(load);
  if (task) load(GRAPH);
}
