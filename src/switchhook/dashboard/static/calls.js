// Calls that are over: the list, and one of them with its player, transcript, summary, tags and events.
import { get, ownRecording, post, remove } from "./api.js";
import { button, doing, h, show, toast } from "./dom.js";
import { fillEvent } from "./event.js";
import { day, exact, length, result, timeOfDay, when } from "./format.js";
import { icon, outcome, verdict } from "./icons.js";
import { pages } from "./pages.js";
import { player as play } from "./player.js";
import { t } from "./words.js";

const SIZE = 30;

export function open(place, id, me) {
  return id ? openOne(place, id, me) : openList(place);
}

const other = (one) => one.contacts.map((contact) => contact.name).filter(Boolean).join(", ") || one.contact_number || t("unknown");

function openList(place) {
  const rows = h("ul", { class: "calls" });
  const foot = h("div", { class: "row pager" });
  const words = h("input", { type: "search", placeholder: t("search calls"), "aria-label": t("search calls") });
  const form = h("form", { role: "search", class: "row", onsubmit: (event) => (event.preventDefault(), load(1)) }, words, h("button", { type: "submit" }, t("search")));
  show(place, h("div", { class: "head" }, h("h1", null, t("calls")), h("span", { class: "space" }), form), rows, foot);
  const asked = (page) => ({ type: "CALL", page, size: SIZE, search: words.value.trim() || undefined });
  const load = pages(rows, foot, (page) => post("v2/api/conversations/items/search", asked(page)), row, () => (words.value.trim() ? t("no such call") : [h("p", null, t("no calls")), h("p", null, t("no calls next"))]));
  load();
}

function row(one, index, all) {
  const begins = !index || day(all[index - 1].date) !== day(one.date);
  const [drawing, kind] = outcome(one.result, one.direction);
  const named = one.contacts.some((contact) => contact.name);
  return [begins && h("li", { class: "day" }, day(one.date)), h("li", null, h("a", { href: `#/calls/${one.id}` },
    h("span", { class: `way ${kind}`, title: t(one.direction), role: "img", "aria-label": t(one.direction) }, icon(drawing)),
    h("span", { class: "who" }, h("strong", null, other(one)), named && h("small", null, one.contact_number)),
    h("span", { class: "about" }, one.user?.name ?? one.user?.email ?? one.allo_number),
    h("span", { class: "chips" }, one.tags.map((tag) => h("span", { class: "tag" }, tag))),
    h("span", { class: `state ${verdict(one.result)}` }, result(one.result)),
    h("span", { class: "duration" }, one.duration ? length(one.duration) : ""),
    h("time", { datetime: one.date, title: exact(one.date), "data-still": true }, timeOfDay(one.date))))];
}

function openOne(place, id, me) {
  const may = (scope) => me.scopes.includes("ALL") || me.scopes.includes(scope);
  const body = h("div");
  show(place, h("p", null, h("a", { href: "#/calls" }, `← ${t("calls")}`)), body);
  get(`v2/api/conversations/items/${encodeURIComponent(id)}?extend=transcript,routing`).then(({ data }) => show(body, call(data, may)), (error) => show(body, h("p", { class: "fault" }, error.message)));
}

function call(one, may) {
  const sound = ownRecording(one.recording_url);
  const player = sound && play(sound);
  const facts = [
    [t("when"), h("time", { datetime: one.date }, exact(one.date))],
    [t("direction"), t(one.direction)],
    [t("with"), one.contact_number],
    [t("line"), one.allo_number],
    [t("user"), one.user?.name ?? one.user?.email ?? "–"],
    [t("duration"), length(one.duration)],
    [t("result"), h("span", { class: `state ${verdict(one.result)}` }, result(one.result))],
    [t("menus"), one.ivr_result?.map(({ dtmf_key: key, text_key: label }) => [key, label].filter(Boolean).join(" ")).join(" → ")],
    [t("transfer from"), party(one.transfer_from)],
    [t("transfer to"), party(one.transfer_to)],
    [t("original call"), one.transfer_original_call_id && h("a", { href: `#/calls/${encodeURIComponent(one.transfer_original_call_id)}` }, t("open"))],
    ...Object.entries(one.data_collected ?? {}).map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)]),
  ].filter(([, value]) => value);
  return [
    h("div", { class: "head" }, h("h1", null, other(one)), tagging(one, may)),
    player?.element ?? (one.recording_url ? h("p", { class: "hint" }, t("recording elsewhere")) : h("p", { class: "hint" }, t("no recording"))),
    h("div", { class: "columns two" },
      h("section", null,
        h("h2", null, t("summary")), h("p", { class: "prose" }, one.summary || t("no summary")),
        h("h2", null, t("transcript")), one.transcript?.length ? transcript(one.transcript, player, one.date) : h("p", { class: "hint" }, t("no transcript"))),
      h("section", null, h("h2", null, t("facts")), h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", null, name), h("dd", null, value)])),
        h("h2", null, t("events")), events(one, may))),
  ];
}

const party = (one) => one && [one.user_name || one.user_email, one.number].filter(Boolean).join(" · ");

// The tags of a call; who may put others on it and take them off.
function tagging(one, may) {
  const place = h("span", { class: "chips" });
  const path = `v2/api/conversations/items/${encodeURIComponent(one.id)}/tags`;
  let tags = [...one.tags];
  const act = (todo, after, said) => async () => {
    await todo();
    tags = after(tags);
    toast(t(said));
    draw();
  };
  const off = (tag) => act(() => remove(`${path}/${encodeURIComponent(tag)}`), (all) => all.filter((each) => each !== tag), "tag off");
  const on = (tag) => act(() => post(path, { tags: [tag] }), (all) => [...all, tag], "tag on");

  async function draw() {
    show(place, tags.map((tag) => h("span", { class: "tag" }, tag, may("TAGS_WRITE") && doing("×", off(tag), { class: "quiet off", "aria-label": `${t("take off")} ${tag}` }))));
    if (!may("TAGS_WRITE") || !may("TAGS_READ")) return;
    const found = await get("v2/api/tags").catch((error) => (toast(error.message, "bad"), null));
    if (!found) return;
    const known = found.data.filter((tag) => !tags.includes(tag.id));
    const choice = h("select", { "aria-label": t("add tag"), onchange: () => choice.value && on(choice.value)().catch((error) => ((choice.value = ""), toast(error.message, "bad"))) },
      h("option", { value: "" }, `+ ${t("add tag")}`), known.map((tag) => h("option", { value: tag.id }, tag.name)));
    place.append(known.length ? choice : h("span", { class: "hint" }, tags.length ? "" : t("no tags")));
  }
  draw();
  return place;
}

// The events that told of a call, each opening to its payload and deliveries.
function events(one, may) {
  const place = h("ul", { class: "plain" });
  get(`v2/api/conversations/items/${encodeURIComponent(one.id)}/events`).then(({ data }) => show(place, data.length ? data.map(row_) : h("li", { class: "row hint" }, t("no call events"))), (error) => show(place, h("li", { class: "fault" }, error.message)));
  function row_(event) {
    const line = [h("span", { class: "topic call" }, event.topic), h("time", { datetime: event.created_at, title: exact(event.created_at) }, when(event.created_at))];
    if (!may("WEBHOOKS_READ_WRITE")) return h("li", { class: "row" }, line);
    const inner = h("div", { class: "inner" });
    const details = h("details", { ontoggle: () => details.open && fillEvent(inner, event.id) }, h("summary", null, line), inner);
    return h("li", null, details);
  }
  return place;
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
    return h("li", { class: one.source === "USER" ? "ours" : "theirs" },
      player && at !== null ? button(shown, () => player.seek(at), { class: "time", "aria-label": `${t("play from")} ${shown}` }) : h("span", { class: "time" }, shown),
      h("span", { class: "who" }, t(one.source === "USER" ? "us" : "them")), h("span", null, one.text));
  }));
}
