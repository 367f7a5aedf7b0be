// Times, durations and numbers as people of the page's language write them.
import { language, t } from "./words.js";

export function when(iso) {
  if (!iso) return "–";
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  const options = today
    ? { hour: "2-digit", minute: "2-digit", second: "2-digit" }
    : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", year: date.getFullYear() === new Date().getFullYear() ? undefined : "2-digit" };
  return date.toLocaleString(language(), options);
}

export function exact(iso) {
  return iso ? new Date(iso).toLocaleString(language(), { dateStyle: "medium", timeStyle: "medium" }) : "";
}

export function until(iso) {
  const seconds = Math.max(0, (new Date(iso) - Date.now()) / 1000);
  const format = new Intl.RelativeTimeFormat(language(), { numeric: "always" });
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
  return new Intl.NumberFormat(language(), { style: "percent", maximumFractionDigits: 1 }).format(rate);
}

export function count(number) {
  return new Intl.NumberFormat(language()).format(number);
}

export function result(name) {
  return name ? t(`result ${name}`, name.toLowerCase().replaceAll("_", " ")) : "–";
}

export function bytes(number) {
  if (number < 1000) return new Intl.NumberFormat(language(), { style: "unit", unit: "byte", unitDisplay: "long" }).format(number);
  const [unit, size] = [["terabyte", 1e12], ["gigabyte", 1e9], ["megabyte", 1e6]].find(([, least]) => number >= least) ?? ["kilobyte", 1e3];
  return new Intl.NumberFormat(language(), { style: "unit", unit, maximumFractionDigits: 1 }).format(number / size);
}
