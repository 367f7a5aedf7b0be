// Small plots of an endpoint's health over time.
import { svg } from "./dom.js";
import { exact, percent } from "./format.js";
import { t } from "./words.js";

const WIDTH = 240;

// One bar for each piece of time: what succeeded over what failed; a line where nothing was tried.
export function successPlot(health, height = 36) {
  const { buckets } = health;
  const most = Math.max(1, ...buckets.map((one) => one.attempts));
  const step = WIDTH / buckets.length;
  const bars = buckets.flatMap((one, index) => {
    const x = index * step + 0.5;
    if (!one.attempts) return [bar(x, height - 1, step - 1, 1, "none", one)];
    const whole = Math.max(2, (one.attempts / most) * (height - 2));
    const bad = ((one.attempts - one.succeeded) / one.attempts) * whole;
    return [
      bar(x, height - whole, step - 1, bad, "bad", one),
      bar(x, height - whole + bad, step - 1, whole - bad, "good", one),
    ];
  });
  const label = `${t("success")}: ${percent(health.success_rate)}, ${t("attempts")}: ${health.attempts}`;
  return svg("svg", { class: "plot", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label, preserveAspectRatio: "none" }, bars);
}

function bar(x, y, width, height, kind, bucket) {
  const title = svg("title", null, `${exact(bucket.begins_at)}: ${bucket.succeeded}/${bucket.attempts}`);
  return svg("rect", { x, y, width, height: Math.max(0, height), class: kind }, title);
}

// The median and the slowest twentieth, in milliseconds.
export function latencyPlot(health, height = 36) {
  const slowest = Math.max(1, ...health.buckets.map((one) => one.p95 ?? 0));
  const step = WIDTH / health.buckets.length;
  const line = (name, kind) => {
    const points = health.buckets
      .map((one, index) => [index * step + step / 2, one[name]])
      .filter(([, value]) => value !== null)
      .map(([x, value]) => `${x.toFixed(1)},${(height - 2 - (value / slowest) * (height - 4)).toFixed(1)}`);
    if (points.length === 1) points.push(`${Number(points[0].split(",")[0]) + step},${points[0].split(",")[1]}`);
    return svg("polyline", { points: points.join(" "), class: kind });
  };
  const label = `${t("latency")}: p95 ≤ ${Math.round(slowest)} ms`;
  const base = svg("path", { class: "base", d: `M0 ${height - 0.5}H${WIDTH}` });
  return svg("svg", { class: "plot", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label, preserveAspectRatio: "none" }, base, line("p95", "p95"), line("p50", "p50"));
}
