"use strict";
(() => {
  const table = document.getElementById("worklist");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);
  const find = (id) => document.getElementById(id);
  const [text, tier, stage, clear] = ["text", "tier", "stage", "clear"].map(find);
  const [before, after, where, status] = ["before", "after", "where", "status"].map(find);
  const SIZE = 100;
  const words = rows.map((row) => row.textContent.toLowerCase());
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent.trim() : Number.parseFloat(cell.dataset.v);
  };
  const missing = (value) => value === "" || value === "–" || Number.isNaN(value);
  const compare = (a, b) => (typeof a === "number" && typeof b === "number")
    ? a - b : String(a).localeCompare(String(b), "en", {numeric: true});
  let page = 0;
  let sorted = {column: 0, down: false};
  let order = rows.map((_, k) => k);

  const sort = () => {
    const {column, down} = sorted;
    const values = rows.map((row) => valueOf(row, column));
    order = rows.map((_, k) => k).sort((a, b) => {
      const [x, y] = [values[a], values[b]];
      if (missing(x) || missing(y)) return missing(x) - missing(y) || a - b;
      return (down ? compare(y, x) : compare(x, y)) || a - b;
    });
    heads.forEach((head, k) => {
      head.setAttribute("aria-sort", k !== column ? "none" : down ? "descending" : "ascending");
    });
    body.append(...order.map((k) => rows[k]));
  };
  const show = () => {
    const wanted = text.value.trim().toLowerCase();
    const kept = order.filter((k) => words[k].includes(wanted)
      && (!tier.value || rows[k].dataset.tier === tier.value)
      && (!stage.value || rows[k].dataset.stage === stage.value));
    const pages = Math.max(1, Math.ceil(kept.length / SIZE));
    page = Math.min(Math.max(page, 0), pages - 1);
    const first = page * SIZE;
    const keep = new Set(kept);
    const here = new Set(kept.slice(first, first + SIZE));
    rows.forEach((row, k) => {
      row.hidden = !keep.has(k);
      row.classList.toggle("off", keep.has(k) && !here.has(k));
    });
    const n = (value) => value.toLocaleString("en");
    status.textContent = kept.length === 0
      ? "No customer on this page matches. Clear the filters to see all."
      : `Showing ${n(first + 1)} to ${n(first + here.size)} of ${n(kept.length)} customers`
        + (kept.length < rows.length ? ` that match (${n(rows.length)} on this page).` : " on this page.");
    where.textContent = `Page ${page + 1} of ${pages}`;
    before.disabled = page === 0;
    after.disabled = page === pages - 1;
    const state = new URLSearchParams();
    if (text.value) state.set("text", text.value);
    if (tier.value) state.set("tier", tier.value);
    if (stage.value) state.set("stage", stage.value);
    if (sorted.column !== 0 || sorted.down) state.set("sort", (sorted.down ? "-" : "") + sorted.column);
    if (page) state.set("page", page + 1);
    const hash = state.toString();
    if (hash !== location.hash.slice(1)) history.replaceState(null, "", hash ? `#${hash}` : "#");
  };
  const pick = (select, value) => {
    const known = Array.from(select.options).some((option) => option.value === value);
    select.value = known ? value : "";
  };
  const restore = () => {
    const state = new URLSearchParams(location.hash.slice(1));
    text.value = state.get("text") || "";
    pick(tier, state.get("tier") || "");
    pick(stage, state.get("stage") || "");
    const wanted = state.get("sort") || "0";
    const column = Number.parseInt(wanted.replace("-", ""), 10);
    sorted = {column: column < heads.length ? column : 0, down: wanted.startsWith("-")};
    page = (Number.parseInt(state.get("page"), 10) || 1) - 1;
    sort();
    show();
  };

  heads.forEach((head, k) => {
    const button = document.createElement("button");
    button.type = "button";
    const paper = document.createElement("span"); // browsers do not repeat buttons on printed pages
    paper.className = "paper";
    paper.textContent = head.textContent;
    button.append(...head.childNodes);
    head.append(button, paper);
    button.addEventListener("click", () => {
      const numeric = head.classList.contains("n") && k !== 0;
      sorted = {column: k, down: sorted.column === k ? !sorted.down : numeric};
      page = 0;
      sort();
      show();
    });
  });
  [text, tier, stage].forEach((control) => control.addEventListener("input", () => { page = 0; show(); }));
  clear.addEventListener("click", () => { text.value = ""; tier.value = ""; stage.value = ""; page = 0; show(); text.focus(); });
  before.addEventListener("click", () => { page -= 1; show(); table.scrollIntoView(); });
  after.addEventListener("click", () => { page += 1; show(); table.scrollIntoView(); });
  addEventListener("hashchange", restore);
  document.querySelectorAll("[data-needs-script]").forEach((part) => { part.hidden = false; });
  restore();
})();
