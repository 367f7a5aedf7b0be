// Calls that are over: the list, and one of them with its player, transcript, summary, tags and events.
import { get, ownRecording, post } from "./api.js";
import { button, h, show } from "./dom.js";
import { exact, length, result, when } from "./format.js";
import { t } from "./words.js";

const SIZE = 30;

export function open(place, id) {
  return id ? openOne(place, id) : openList(place);
}

const other = (one) => one.contacts.map((contact) => contact.name).filter(Boolean).join(", ") || one.contact_number || t("unknown");

function openList(place) {
  let page = 1;
  const rows = h("ul", { class: "calls" });
  const foot = h("div", { class: "row pager" });
  const words = h("input", { type: "search", placeholder: t("search calls"), "aria-label": t("search calls") });
  const form = h("form", { role: "search", class: "row", onsubmit: (event) => (event.preventDefault(), (page = 1), load()) }, words, h("button", { type: "submit" }, t("search")));
  show(place, h("div", { class: "head" }, h("h1", null, t("calls")), h("span", { class: "space" }), form), rows, foot);

  async function load() {
    const asked = { type: "CALL", page, size: SIZE };
    if (words.value.trim()) asked.search = words.value.trim();
    try {
      const found = await post("v2/api/conversations/items/search", asked);
      const { total_count: total, total_pages: pages } = found.pagination;
      show(rows, found.data.length ? found.data.map(row) : h("li", { class: "empty" }, h("p", null, t("no calls")), h("p", null, t("no calls next"))));
      show(foot, total > SIZE && [
        button("←", () => (page--, load()), { disabled: page <= 1, "aria-label": t("previous page") }),
        h("span", null, `${page} / ${pages}`),
        button("→", () => (page++, load()), { disabled: page >= pages, "aria-label": t("next page") })]);
    } catch (error) {
      show(rows, h("li", { class: "fault" }, error.message));
    }
  }
  load();
}

function row(one) {
  return h("li", null, h("a", { href: `#/calls/${one.id}` },
    h("span", { class: "way", title: t(one.direction) }, one.direction === "INBOUND" ? "↙" : "↗"),
    h("strong", null, other(one)), h("span", { class: "about" }, one.user?.name ?? one.user?.email ?? one.allo_number),
    h("span", { class: `state ${one.result === "ANSWERED" ? "succeeded" : "pending"}` }, result(one.result)),
    h("span", { class: "chips" }, one.tags.map((tag) => h("span", { class: "tag" }, tag))),
    h("span", { class: "duration" }, length(one.duration)),
    h("time", { datetime: one.date, title: exact(one.date) }, when(one.date))));
}

function openOne(place, id) {
  const body = h("div");
  show(place, h("p", null, h("a", { href: "#/calls" }, `← ${t("calls")}`)), body);
  get(`v2/api/conversations/items/${encodeURIComponent(id)}?extend=transcript`).then(({ data }) => show(body, call(data)), (error) => show(body, h("p", { class: "fault" }, error.message)));
}

function call(one) {
  const sound = ownRecording(one.recording_url);
  const player = sound && h("audio", { controls: true, preload: "metadata", src: sound, "aria-label": t("recording") });
  const facts = [
    [t("when"), h("time", { datetime: one.date }, exact(one.date))],
    [t("direction"), t(one.direction)],
    [t("with"), one.contact_number],
    [t("line"), one.allo_number],
    [t("user"), one.user?.name ?? one.user?.email ?? "–"],
    [t("duration"), length(one.duration)],
    [t("result"), result(one.result)],
  ];
  return [
    h("div", { class: "head" }, h("h1", null, other(one)), h("span", { class: "chips" }, one.tags.map((tag) => h("span", { class: "tag" }, tag)))),
    player ?? (one.recording_url ? h("p", { class: "hint" }, t("recording elsewhere")) : h("p", { class: "hint" }, t("no recording"))),
    h("div", { class: "columns two" },
      h("section", null,
        h("h2", null, t("summary")), h("p", { class: "prose" }, one.summary || t("no summary")),
        h("h2", null, t("transcript")), one.transcript?.length ? transcript(one.transcript, player, one.date) : h("p", { class: "hint" }, t("no transcript"))),
      h("section", null, h("h2", null, t("facts")), h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", null, name), h("dd", null, value)])))),
  ];
}

// Where in the call a line was said, in seconds; null when that cannot be known.
function place(time, began) {
  const at = (Date.parse(time) - Date.parse(began)) / 1000;
  return Number.isFinite(at) ? Math.max(0, at) : null;
}

function transcript(lines, player, began) {
  return h("ol", { class: "transcript" }, lines.map((one) => {
    const at = place(one.time, began);
    const shown = at === null ? one.time : length(at);
    const seek = () => {
      player.currentTime = at;
      player.play().catch(() => {});
    };
    return h("li", { class: one.source === "USER" ? "ours" : "theirs" },
      player && at !== null ? button(shown, seek, { class: "time", "aria-label": `${t("play from")} ${shown}` }) : h("span", { class: "time" }, shown),
      h("span", { class: "who" }, t(one.source === "USER" ? "us" : "them")), h("span", null, one.text));
  }));
}
