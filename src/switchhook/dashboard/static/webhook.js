// One endpoint: its health, what can be done with it, the jobs that send again, and its deliveries.
import { get, post, put, remove } from "./api.js";
import { button, doing, field, h, show, toast } from "./dom.js";
import { openDeliveries } from "./deliveries.js";
import { tried } from "./event.js";
import { confirm } from "./form.js";
import { percent, when } from "./format.js";
import { condition, fillHealth, version, warn } from "./webhooks.js";
import { edit, ofFirstVersion, showSecret, topicsOf } from "./webhook_form.js";
import { t } from "./words.js";

export function open(place, id) {
  const path = `v2/api/webhooks/${encodeURIComponent(id)}`;
  const top = h("div");
  const health = h("div", { class: "health wide" });
  const jobs = h("div", { "aria-live": "polite" });
  const list = h("section", { "aria-labelledby": "deliveries-title" });
  show(place, h("p", null, h("a", { href: "#/webhooks" }, `← ${t("webhooks")}`)), top, health, jobs, list);
  let timer = null;
  let running = false;
  let deliveries = null;

  async function load() {
    try {
      const { signing_secret: _, ...one } = (await get(path)).data;
      show(top, heading(one));
      deliveries ??= openDeliveries(list, path, changed);
      fillHealth(health, id).then((told) => warn(top.querySelector(".head .state"), told));
      watchJobs();
    } catch (error) {
      if (deliveries) toast(error.message, "bad");
      else show(top, h("p", { class: "fault" }, error.message));
    }
  }

  function changed() {
    load();
    deliveries?.();
  }

  const act = (method, rest, text) => async () => {
    await method(path + rest);
    toast(text);
    changed();
  };

  function heading(one) {
    const [kind, text] = condition(one);
    const main = !one.enabled
      ? doing(t("enable"), act((to) => put(to, { enabled: true }), "", t("enabled")), { class: "first" })
      : one.paused
        ? doing(t("resume"), act(post, "/resume", t("resumed")), { class: "first" })
        : doing(t("pause"), act(post, "/pause", t("paused")));
    return [
      h("div", { class: "head" }, h("h1", null, one.description || one.url), h("span", { class: `state ${kind}` }, text), version(one)),
      one.disabled_reason && h("p", { class: "warning" }, one.disabled_reason),
      one.locked_reason && h("p", { class: "warning" }, one.locked_reason),
      h("p", { class: "row" }, h("code", { class: "address" }, one.url)),
      ofFirstVersion(one) && h("p", { class: "hint" }, t("v1 hint")),
      h("p", { class: "chips" }, one.topics.map((topic) => h("span", { class: `topic ${topic.split(".")[0]}` }, topic))),
      h("div", { class: "row actions", role: "group", "aria-label": t("actions") },
        main,
        doing(t("send test"), () => test(one)),
        button(t("recover"), recover),
        doing(t("retry failed"), retryAll),
        doing(t("edit"), () => edit(one, changed)),
        !ofFirstVersion(one) && [doing(t("show secret"), async () => showSecret((await get(path)).data)), button(t("rotate"), rotate)],
        button(t("delete"), drop, { class: "danger" })),
    ];
  }

  async function test(one) {
    const groups = await topicsOf(one);
    const topic = h("select", null, groups.flat().map(({ name }) => h("option", { value: name }, name)));
    confirm(t("send test"), t("test hint"), async (once) => {
      const sent = (await once(`${path}/test`, { topic: topic.value })).data;
      toast(t("test sent"));
      tried(sent.delivery_id, 0).then(changed, changed);
    }, field(t("topic"), topic));
  }

  function recover() {
    const local = new Date(Date.now() - 86400000 - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 16);
    const since = h("input", { type: "datetime-local", required: true, value: local });
    confirm(t("recover"), t("recover hint"), async (once) => {
      await once(`${path}/recover`, { since: new Date(since.value).toISOString() });
      toast(t("recover begun"));
      watchJobs();
    }, field(t("since"), since));
  }

  async function retryAll() {
    const found = (await post(`${path}/retry`, { status: "failed", dry_run: true })).data;
    const many = `${found.complete ? "" : "≥ "}${found.matching}`;
    confirm(t("retry failed"), `${many} ${t("will be sent")}`, async (once) => {
      await once(`${path}/retry`, { status: "failed" });
      toast(t("retry begun"));
      watchJobs();
    });
  }

  function rotate() {
    confirm(t("rotate"), t("rotate hint"), async (once) => {
      const made = (await once(`${path}/rotate-secret`)).data;
      setTimeout(() => showSecret(made));
    });
  }

  function drop() {
    confirm(t("delete"), t("delete hint"), async () => {
      await remove(path);
      toast(t("deleted"));
      location.hash = "#/webhooks";
    });
  }

  async function watchJobs() {
    clearTimeout(timer);
    try {
      const found = (await get(`${path}/recoveries?size=3`)).data;
      show(jobs, found.length > 0 && h("section", null, h("h2", null, t("jobs")), h("ul", { class: "plain" }, found.map(job))));
      running = found.some((one) => one.status === "running");
    } catch {
      // What was known stands; the next look says more.
    }
    if (running && place.isConnected) timer = setTimeout(watchJobs, 1000);
  }

  function job(one) {
    const label = t(one.kind === "recover" ? "recover" : "retry failed");
    const stop = async () => {
      await remove(`v2/api/recoveries/${one.id}`);
      toast(t("job cancelled"));
      watchJobs();
    };
    return h("li", { class: "row" },
      h("strong", null, label), h("span", null, t(`job ${one.status}`)),
      h("progress", { max: 1, value: one.progress, "aria-label": label }), h("span", null, percent(one.progress)),
      h("span", { class: "hint" }, `${one.queued} ${t("queued")} · ${when(one.created_at)}`),
      one.status === "running" && doing(t("cancel"), stop));
  }

  load();
  return () => {
    running = false;
    clearTimeout(timer);
  };
}
