// @ts-check
/** Times, durations and sizes as people read them. Pure, but for the timezone chosen in Airflow's pages. */

/** Return the timezone chosen in Airflow's pages, else the browser's. */
export function timezone() {
  try {
    const chosen = localStorage.getItem("timezone")?.replaceAll('"', "");
    if (chosen) new Intl.DateTimeFormat(undefined, { timeZone: chosen });
    return chosen || undefined;
  } catch {
    return undefined;
  }
}

/**
 * Return a time of today as `14:05:09`, another as `28 Nov, 14:05`, of another year with the year.
 * @param {Date} time
 * @param {Date} now
 * @param {string} [timeZone]
 */
export function clock(time, now, timeZone = timezone()) {
  const day = (/** @type {Date} */ date) => date.toLocaleDateString("en-CA", { timeZone });
  if (day(time) === day(now)) return time.toLocaleTimeString("en-GB", { timeZone });
  const year = day(time).slice(0, 4) === day(now).slice(0, 4) ? undefined : "numeric";
  return time.toLocaleString("en-GB", { timeZone, day: "numeric", month: "short", year, hour: "2-digit", minute: "2-digit" });
}

/**
 * Return a time as `2026-11-29 14:05:09 UTC`.
 * @param {Date} time
 */
export function utc(time) {
  return `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/**
 * Return a duration as `0.8 s`, `12.3 s`, `4 min 12 s`, `1 h 05 min` or `2 d 3 h`.
 * @param {number} seconds
 */
export function duration(seconds) {
  const value = Math.max(0, seconds);
  if (value < 59.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/**
 * Return how long something runs by now: as a duration, in whole seconds.
 * @param {number} seconds
 */
export function elapsed(seconds) {
  return seconds < 60 ? age(seconds) : duration(Math.floor(seconds));
}

/**
 * Return an age in one unit: `5 s`, `3 min`, `2 h`, `4 d`.
 * @param {number} seconds
 */
export function age(seconds) {
  const value = Math.max(0, seconds);
  if (value < 60) return `${Math.floor(value)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min`;
  if (value < 86_400) return `${Math.floor(value / 3600)} h`;
  return `${Math.floor(value / 86_400)} d`;
}

/**
 * Return a size as `812 MiB`.
 * @param {number} bytes
 */
export function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/**
 * Return `1 task`, `3 tasks`, `1,200 tasks`.
 * @param {number} number
 * @param {string} noun that takes an s
 */
export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
