/* The table: the newest entries on top, a bounded number of them kept, few of them in the document.

   Promise: what an event carries becomes text and nothing else; rows do not move while they are held;
   what is held back is bounded too and counted; an entry that a new connection repeats has one row. */

import { isFailure } from "./filters.js";
import { counted, duration, outcomeText, positionOf, text, timeOfDay } from "./text.js";

const KEPT = 1000;
const SHOWN = 200;
const REMEMBERED = 5000;

/* The columns behind the first, which is the row's header. */
const COLUMNS = {
  outcome: (entry) => outcomeText(entry.outcome) + (entry.again ? " (a dead letter before)" : ""),
  event: (entry) => (entry.name ? `${text(entry.type)} · ${text(entry.name)}` : text(entry.type)),
  answer: answerOf,
  key: (entry) => text(entry.key),
  attempts: (entry) => text(entry.attempts),
  latency: (entry) => duration(entry.seconds),
  age: (entry) => duration(entry.age),
  position: positionOf,
  worker: (entry) => text(entry.worker),
};

export class Rows {
  /* `picked(entry)` is called when a row is to be opened. */
  constructor(body, picked) {
    this.body = body;
    this.items = new WeakMap();
    this.held = false;
    this.wanted = () => true;
    this.query = "";
    this.current = null;
    this.kept = [];
    this.known = new Set();
    this.forgetWaiting();
    this.clear();
    body.addEventListener("click", ({ target }) => {
      const item = this.items.get(target.closest("tr"));
      if (item?.entry) picked(item.entry);
    });
  }

  /* Entries in the order in which they happened; `query` is what the server was asked for. */
  add(entries, query) {
    const fresh = entries.filter((entry) => !this.known.has(idOf(entry))).map((entry) => ({ entry, query })).reverse();
    this.waitingCount += this.held ? fresh.length : 0;
    this.take(fresh);
  }

  /* A new connection begins with some entries of late: those that are here or were, it need not. */
  remember() {
    if (this.known.size > REMEMBERED) this.known.clear();
    for (const { entry } of [...this.kept, ...this.waiting]) if (entry) this.known.add(idOf(entry));
  }

  /* A line between the rows that says why some may be missing. */
  mark(note) {
    this.take([{ note, at: Date.now() / 1000 }]);
  }

  hold(held) {
    if (held === this.held) return;
    this.held = held;
    if (held) return;
    const { waiting } = this;
    this.forgetWaiting();
    this.limit = SHOWN;
    this.insert(waiting);
  }

  /* Show what `wanted` accepts, and what the server sent for this very query. */
  filter(query, wanted) {
    this.query = query;
    this.wanted = wanted;
    for (const item of this.kept) this.judge(item);
    this.draw();
  }

  showOlder() {
    this.limit = Math.min(KEPT, this.limit + SHOWN);
    this.draw();
  }

  clear() {
    this.remember();
    this.kept = [];
    this.limit = SHOWN;
    this.forgetWaiting();
    this.body.replaceChildren();
  }

  /* Which entry is open beside the table, or null. */
  choose(entry) {
    this.current = entry;
    for (const row of this.body.rows) this.showChoice(row);
  }

  showChoice(row) {
    row.ariaCurrent = this.current && this.entryOf(row) === this.current ? "true" : null;
  }

  get matching() {
    return this.kept.filter((item) => item.entry && item.fits).length;
  }

  /* The newest item is an entry, not a mark. */
  get topped() {
    return Boolean((this.waiting[0] ?? this.kept[0])?.entry);
  }

  entryOf(row) {
    return this.items.get(row)?.entry;
  }

  rowOf(entry) {
    return [...this.body.rows].find((row) => this.entryOf(row) === entry);
  }

  /* The row `step` rows below (above, if negative) `from`; without `from` the first. Marks are passed over. */
  beside(from, step) {
    const rows = [...this.body.rows].filter((row) => this.entryOf(row));
    return from ? rows[rows.indexOf(from) + step] : rows[0];
  }

  take(fresh) {
    if (!this.held) return this.insert(fresh);
    this.waiting = fresh.concat(this.waiting).slice(0, KEPT);
  }

  insert(fresh) {
    for (const item of fresh) this.judge(item);
    this.kept = fresh.concat(this.kept).slice(0, KEPT);
    this.body.prepend(...fresh.filter((item) => item.fits).slice(0, this.limit).map((item) => this.row(item)));
    while (this.body.rows.length > this.limit) this.body.lastElementChild.remove();
  }

  judge(item) {
    item.fits = !item.entry || item.query === this.query || this.wanted(item.entry);
  }

  draw() {
    const shown = this.kept.filter((item) => item.fits).slice(0, this.limit);
    this.body.replaceChildren(...shown.map((item) => this.row(item)));
  }

  row(item) {
    const row = document.createElement("tr");
    row.append(...(item.entry ? cellsOf(item.entry) : [cell("th", "time", timeOfDay(item.at)), noteCell(item.note)]));
    if (item.entry) row.dataset.outcome = text(item.entry.outcome);
    this.items.set(row, item);
    this.showChoice(row);
    return row;
  }

  forgetWaiting() {
    this.waiting = [];
    this.waitingCount = 0;
  }
}

export function countText(rows) {
  const shown = [...rows.body.rows].filter((row) => rows.entryOf(row)).length;
  return `${counted(shown)} of ${counted(rows.matching)} rows shown, the newest ${counted(KEPT)} are kept`;
}

const idOf = (entry) => [positionOf(entry), entry.outcome, entry.attempts, entry.at].join();

function answerOf(entry) {
  const answer = [entry.status, entry.reason].filter((part) => part !== null && part !== undefined).join(" ");
  const waits = typeof entry.retry_in === "number" ? `, again in ${duration(entry.retry_in)}` : "";
  const said = entry.message ?? entry.response;
  const message = isFailure(entry) && said ? `: ${said}` : "";
  return text(answer + waits + message);
}

function cellsOf(entry) {
  return [openerOf(entry), ...Object.entries(COLUMNS).map(([name, shown]) => cell("td", name, shown(entry)))];
}

function openerOf(entry) {
  const header = cell("th", "time", "");
  const button = document.createElement("button");
  button.type = "button";
  button.tabIndex = -1;
  button.textContent = timeOfDay(entry.at);
  header.append(button);
  return header;
}

function cell(tag, name, content) {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = content;
  if (tag === "th") made.scope = "row";
  return made;
}

/* As wide as the columns that are there on every screen. */
function noteCell(note) {
  const made = cell("td", "note", note);
  made.colSpan = 3;
  return made;
}
