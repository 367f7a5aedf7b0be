// A long list, a page at a time. A page that does not come leaves the number where it was.
import { button, h, show } from "./dom.js";
import { count } from "./format.js";
import { t } from "./words.js";

// `fetchPage(number)` asks for a page; `row` draws one of it, `none` what stands there when there is none. What is given
// back reads page `number`, or the one that is shown.
export function pages(rows, foot, fetchPage, row, none) {
  let page = 1;

  async function load(asked = page) {
    try {
      const found = await fetchPage(asked);
      const { total_count: total, total_pages: last } = found.pagination;
      page = asked;
      show(rows, found.data.length ? found.data.map(row) : h("li", { class: "empty" }, none()));
      show(foot, total > 0 && [
        last > 1 && button("←", () => load(page - 1), { disabled: page <= 1, "aria-label": t("previous page") }),
        h("span", null, `${page} / ${count(last)} · ${count(total)}`),
        last > 1 && button("→", () => load(page + 1), { disabled: page >= last, "aria-label": t("next page") })]);
    } catch (error) {
      show(rows, h("li", { class: "fault" }, error.message));
    }
  }
  return load;
}
