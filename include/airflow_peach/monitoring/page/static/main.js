// @ts-check
/** The door into Airflow's pages: the host imports this module and takes the component from `globalThis`. */

import { start } from "./early.js";

start(new URLSearchParams(location.search));
const { TasksPage } = await import("./page.js");

// Airflow looks for the plugin's own name first and then for `AirflowPlugin`, which all plugins share.
Reflect.set(globalThis, "Tasks", TasksPage);
Reflect.set(globalThis, "AirflowPlugin", TasksPage);
