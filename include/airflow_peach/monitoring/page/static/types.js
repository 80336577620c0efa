// @ts-check
/**
 * What the API answers, as `monitoring/api/answers.py` documents it. Times are ISO 8601 in UTC, durations in seconds,
 * addresses relative to Airflow's root.
 */

/** @typedef {{ run_id: string, state: "queued"|"running"|"success"|"failed", start: string|null, end: string|null,
 *   duration_seconds: number|null, url: string }} Run */

/** @typedef {{ name: string, dag_id: string, state: "running"|"queued"|"paused"|"idle", run: Run|null,
 *   position: number|null, length: number|null, task: string|null, last_runs: Run[], url: string }} Loop */

/** @typedef {{ state: "ok"|"failed"|"none", digest: string|null, built_at: string|null, reason: string|null }} Environment */

/** @typedef {{ text: string, repository: string, version: string, file: string, line: number|null, column: number|null,
 *   about: string, cause: string, remedy: string, file_url: string|null }} Problem */

/** @typedef {{ codops: string, loop: Loop|null, tasks: number, failing_tasks: string[], stale_tasks: string[],
 *   environment: Environment, problems: number, ended: boolean }} OrganisationSummary */

/** @typedef {{ isolation: { setting: string, level: string|null, why: string }, synced_at: string|null,
 *   sync_age_seconds: number|null, catalogue_version: string|null, problems: Problem[], version: string }} Platform */

/** @typedef {{ organisations: OrganisationSummary[], metadata: Loop|null, platform: Platform, now: string }} Overview */

/** @typedef {{ name: string, codops: string, loop: string, dag_id: string, task_id: string, repository: string,
 *   file: string, line: number, notebook: string, method: string, executor: string, full_notebook: boolean,
 *   stale: boolean, removed: boolean, never_run: boolean, state: "PENDING"|"RUNNING"|"FINISHED"|null,
 *   status: "success"|"failed"|null, reason: string|null, run_id: string|null, try_number: number|null,
 *   start: string|null, duration_seconds: number|null, version: string|null, commit: string|null,
 *   commit_url: string|null, successes: number, failures: number, may_trigger: boolean, trigger_url: string,
 *   trigger_conf: Record<string, string[]>, url: string }} Task */

/** @typedef {{ name: string, repository_url: string|null, branch: string, head: string, commit_url: string|null,
 *   fetched_at: string|null, age_seconds: number|null, error: string }} Repository */

/** @typedef {{ codops: string, loops: Loop[], tasks: Task[], environment: Environment, problems: Problem[],
 *   repositories: Repository[], requirements: string[], ended: boolean, now: string }} Organisation */

/** @typedef {{ run_id: string, try_number: number, dag_id: string, task_id: string, version: string|null,
 *   commit: string|null, commit_url: string|null, repository: string|null, notebook: string|null,
 *   status: "running"|"success"|"failed", timed_out: boolean, reason: string|null, start: string|null, end: string|null,
 *   duration_seconds: number|null, queue_seconds: number|null, environment_seconds: number|null,
 *   run_seconds: number|null, cpu_seconds: number|null, peak_memory_bytes: number|null, exit_code: number|null,
 *   environment: string|null, has_artefact: boolean, artefact_url: string|null, artefact_page_url: string|null,
 *   log_url: string, url: string }} Execution */

/** @typedef {{ codops: string, task: string, executions: Execution[], before: number|null }} Executions */

export {};
