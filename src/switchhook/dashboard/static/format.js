// Times, durations and numbers as people of the page's language write them.
import { language, t } from "./words.js";

// The page's language as this browser's people write it: 24 hours or 12, and which comes first of day and month.
function locale() {
  return navigator.languages.find((one) => one.split("-")[0] === language()) ?? language();
}

const clock = { hour: "2-digit", minute: "2-digit" };

// How long ago, as long as that is easy to grasp; then when. `exact` goes beside it, for who wants to know.
export function when(iso) {
  if (!iso) return "–";
  const date = new Date(iso);
  const now = new Date();
  const past = (now - date) / 1000;
  const ago = new Intl.RelativeTimeFormat(locale(), { numeric: "auto", style: "short" });
  if (past >= -5 && past < 60) return ago.format(0, "second");
  if (past >= 60 && past < 3600) return ago.format(-Math.floor(past / 60), "minute");
  if (date.toDateString() === now.toDateString()) return date.toLocaleTimeString(locale(), clock);
  const year = date.getFullYear() === now.getFullYear() ? undefined : "2-digit";
  return date.toLocaleString(locale(), { day: "numeric", month: "short", year, ...clock });
}

// The day, as the head of what happened on it.
export function day(iso) {
  const date = new Date(iso);
  const midnight = (one) => new Date(one.getFullYear(), one.getMonth(), one.getDate());
  const past = Math.round((midnight(new Date()) - midnight(date)) / 86400000);
  if (past >= 0 && past < 2) return upper(new Intl.RelativeTimeFormat(locale(), { numeric: "auto" }).format(-past, "day"));
  return upper(date.toLocaleDateString(locale(), { weekday: "long", day: "numeric", month: "long", year: date.getFullYear() === new Date().getFullYear() ? undefined : "numeric" }));
}

export const timeOfDay = (iso) => new Date(iso).toLocaleTimeString(locale(), clock);

const upper = (text) => text.slice(0, 1).toLocaleUpperCase(locale()) + text.slice(1);

// What was so long ago when it was drawn is longer ago now.
export function tick() {
  for (const one of document.querySelectorAll("time[datetime][title]:not([data-still])")) one.textContent = when(one.dateTime);
}

export function exact(iso) {
  return iso ? new Date(iso).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "medium" }) : "";
}

export function until(iso) {
  const seconds = Math.max(0, (new Date(iso) - Date.now()) / 1000);
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: "always" });
  if (seconds < 90) return format.format(Math.round(seconds), "second");
  if (seconds < 5400) return format.format(Math.round(seconds / 60), "minute");
  if (seconds < 129600) return format.format(Math.round(seconds / 3600), "hour");
  return format.format(Math.round(seconds / 86400), "day");
}

export function length(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function percent(rate) {
  if (rate === null || rate === undefined) return "–";
  return new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 1 }).format(rate);
}

export function count(number) {
  return new Intl.NumberFormat(locale()).format(number);
}

export function money(amount, currency) {
  return new Intl.NumberFormat(locale(), currency ? { style: "currency", currency, maximumFractionDigits: Number.isInteger(amount) ? 0 : 2 } : {}).format(amount);
}

export function result(name) {
  return name ? t(`result ${name}`, name.toLowerCase().replaceAll("_", " ")) : "–";
}

export function bytes(number) {
  if (number < 1000) return new Intl.NumberFormat(language(), { style: "unit", unit: "byte", unitDisplay: "long" }).format(number);
  const [unit, size] = [["terabyte", 1e12], ["gigabyte", 1e9], ["megabyte", 1e6]].find(([, least]) => number >= least) ?? ["kilobyte", 1e3];
  return new Intl.NumberFormat(locale(), { style: "unit", unit, maximumFractionDigits: 1 }).format(number / size);
}

// A length of time in seconds, in the unit that suits it.
export function age(seconds) {
  if (!seconds || !Number.isFinite(seconds)) return "–";
  if (seconds < 90) return `${count(seconds)} s`;
  if (seconds < 5400) return `${count(Math.round(seconds / 6) / 10)} min`;
  if (seconds < 129600) return `${count(Math.round(seconds / 360) / 10)} h`;
  return `${count(Math.round(seconds / 8640) / 10)} ${t("days")}`;
}
