// @ts-check
/** Asks our API and Airflow's own. Every failure is a `ServerError` that says what the reader can do. */

import { taken } from "./early.js";
import { address } from "./host.js";

/** A request that did not bring what was asked for. */
export class ServerError extends Error {
  /**
   * @param {"login"|"forbidden"|"missing"|"unreachable"|"broken"} kind
   * @param {string} message one sentence for the reader
   */
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

/**
 * Return the address of the login page that leads back here.
 */
export function loginAddress() {
  return `${address("api/v2/auth/login")}?${new URLSearchParams({ next: location.href })}`;
}

/**
 * Return the JSON that Airflow answers.
 * @param {string} path below Airflow's root
 * @param {RequestInit} [options]
 * @returns {Promise<any>}
 */
export async function askJson(path, options = {}) {
  let response;
  try {
    const ask = () =>
      fetch(address(path), {
        credentials: "same-origin",
        ...options,
        headers: { Accept: "application/json", ...options.headers },
      });
    response = await (taken(path) ?? ask());
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ServerError("unreachable", "Airflow does not answer.");
  }
  if (!response.ok) throw await failure(response);
  try {
    return await response.json();
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ServerError("broken", "Airflow's answer could not be read.");
  }
}

/**
 * Return the text that Airflow answers.
 * @param {string} path below Airflow's root
 * @param {AbortSignal} signal
 */
export async function askText(path, signal) {
  const response = await fetch(address(path), { credentials: "same-origin", signal });
  if (!response.ok) throw await failure(response);
  return response.text();
}

/**
 * Ask Airflow for one run of a loop with one task of it, by its own API.
 * @param {import("./types.js").Task} task
 * @returns {Promise<string>} the run's id
 */
export async function trigger(task) {
  const run = await askJson(task.trigger_url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ logical_date: null, conf: task.trigger_conf }),
  });
  return run.dag_run_id;
}

/** @param {Response} response */
async function failure(response) {
  const detail = await detailOf(response);
  if (response.status === 401 || (response.status === 403 && detail === "Invalid JWT token"))
    return new ServerError("login", "Your session has ended.");
  if (response.status === 403) return new ServerError("forbidden", "You have no permission for this.");
  if (response.status === 404) return new ServerError("missing", detail || "It is not there.");
  if (response.status === 503 || response.status === 502 || response.status === 504)
    return new ServerError("unreachable", detail || "Airflow does not answer.");
  return new ServerError("broken", detail || `Airflow answered ${response.status} ${response.statusText}.`);
}

/** @param {Response} response */
async function detailOf(response) {
  try {
    const { detail } = await response.json();
    return typeof detail === "string" ? detail : JSON.stringify(detail ?? "");
  } catch {
    return "";
  }
}
