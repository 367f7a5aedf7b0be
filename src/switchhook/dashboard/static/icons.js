// Small drawings beside words. They say nothing that the words do not, so they are hidden from those who listen.
import { svg } from "./dom.js";

const PATHS = {
  live: "M3 12h4l3-7 4 14 3-7h4",
  calls: "M6.6 3.8 9 4.2l1.3 3.7-1.8 1.7a12 12 0 0 0 5.9 5.9l1.7-1.8 3.7 1.3.4 2.4a2.3 2.3 0 0 1-2.3 2.6A14 14 0 0 1 4 6.1a2.3 2.3 0 0 1 2.6-2.3Z",
  webhooks: "M9.2 9.8a3.4 3.4 0 1 1 4.6-1.2l3 5.2M12 7.2 8.6 13M5.6 13.2A3.4 3.4 0 1 0 9.2 17H15M14.4 19a3.4 3.4 0 1 0 1.2-5.6",
  contacts: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM3 20c0-3.2 2.6-5.5 6-5.5s6 2.3 6 5.5M16 4.6a3.5 3.5 0 0 1 0 6M17.6 14.9c2 .7 3.4 2.6 3.4 5.1",
  lines: "M4 9h16M4 15h16M10 4 8 20M16 4l-2 16",
  keys: "M20 8.5a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0ZM12.2 11.8 4 20M7 17l2.5 2.5",
  settings: "M4 7h8M18 7h2M15 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM4 17h2M12 17h8M9 19.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z",
  system: "M4 5h16v6H4ZM4 13h16v6H4ZM8 8h.01M8 16h.01",
  find: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM20 20l-4-4",
  menu: "M4 7h16M4 12h16M4 17h16",
  theme: "M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5Z",
  language: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM3.5 9.5h17M3.5 14.5h17M12 3c5 5.5 5 12.5 0 18M12 3c-5 5.5-5 12.5 0 18",
  help: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM9.6 9.7a2.5 2.5 0 1 1 3.4 2.2c-.7.3-1 .8-1 1.6M12 16.6v.01",
  leave: "M14 4H6a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h8M10 12h11M17.5 8.5 21 12l-3.5 3.5",
  book: "M5 4h10a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3ZM5 17a3 3 0 0 1 3-3h10M9 8h5",
  comes: "M17 7 7 17M7 9v8h8",
  goes: "M7 17 17 7M9 7h8v8",
  missed: "M7 7l10 10M17 7 7 17",
  voicemail: "M6.5 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM17.5 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM6.5 15.5h11",
  barred: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16ZM6.5 6.5l11 11",
  passed: "M4 8h13M13.5 4.5 17 8l-3.5 3.5M20 16H7M10.5 12.5 7 16l3.5 3.5",
  text: "M4 5h16v11H9l-5 4Z",
  tag: "M4 4h8l8 8-8 8-8-8ZM8.5 8.5h.01",
  other: "M12 13a1 1 0 1 0 0-2 1 1 0 0 0 0 2Z",
  add: "M12 5v14M5 12h14",
  send: "M4 12 20 4l-5 16-3-7Z",
};

export function icon(name, kind) {
  return svg("svg", { class: kind ? `icon ${kind}` : "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: PATHS[name] ?? PATHS.other }));
}

// How a call went, as a drawing and its colour.
export function outcome(result, direction) {
  if (result === "ANSWERED") return [direction === "OUTBOUND" ? "goes" : "comes", "good"];
  if (result === "VOICEMAIL") return ["voicemail", "wait"];
  if (result === "BLOCKED") return ["barred", "plain"];
  if (result?.startsWith("TRANSFERRED")) return ["passed", "cool"];
  return result ? ["missed", "bad"] : [direction === "OUTBOUND" ? "goes" : "comes", "plain"];
}

// The same for a word about it in a pill.
export const verdict = (result) => ({ good: "succeeded", wait: "pending", bad: "failed" })[outcome(result)[1]] ?? "other";
