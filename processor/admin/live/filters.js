/* Which entries are wanted: said by the form, kept in the page's fragment so that a link can be shared,
   sent to the server as a query.

   The server decides what it sends; `matches` judges only rows that came under another filter. */

import { positionOf } from "./text.js";

const NAMES = ["outcome", "type", "text"];
const FAILURES = ["retried", "held", "dead_lettered"];
const DEBOUNCE = 300;
/* The server refuses longer texts. */
const LONGEST = 200;

export const isFailure = (entry) => FAILURES.includes(entry.outcome);

/* Whether `entry` is what the query string asks for, as far as the page can tell. */
export function matcher(query) {
  const wanted = new URLSearchParams(query);
  const outcome = wanted.get("outcome");
  const type = wanted.get("type")?.toLowerCase();
  const words = wanted.get("text")?.toLowerCase();
  return (entry) =>
    (!outcome || outcome === "all" || outcome === entry.outcome || (outcome === "failures" && isFailure(entry))) &&
    (!type || String(entry.type).toLowerCase() === type) &&
    (!words || searched(entry).includes(words));
}

export class Filters {
  /* `changed(query)` is called once typing has paused. */
  constructor(form, changed) {
    this.fields = NAMES.map((name) => form.elements[name]);
    this.types = new Set();
    this.timer = 0;
    this.changed = changed;
    this.read();
    form.addEventListener("input", () => this.soon());
    form.addEventListener("change", () => this.apply());
    addEventListener("hashchange", () => (this.read(), this.apply()));
  }

  get query() {
    const given = this.fields.filter((field) => field.value.trim());
    return new URLSearchParams(given.map((field) => [field.name, field.value.trim()])).toString();
  }

  /* Ask for the entries in which these words stand. */
  search(words) {
    for (const field of this.fields) field.value = field.name === "text" ? words : "";
    this.apply();
  }

  /* Offer the types that came by; a few dozen at most, they may be hostile. */
  offer(entries, datalist) {
    for (const { type } of entries) {
      if (typeof type !== "string" || this.types.has(type) || this.types.size >= 50) continue;
      this.types.add(type);
      datalist.append(new Option("", type.slice(0, 100)));
    }
  }

  read() {
    const said = new URLSearchParams(location.hash.slice(1));
    for (const field of this.fields) field.value = (said.get(field.name) ?? "").slice(0, LONGEST);
    const [outcome] = this.fields;
    if (outcome.selectedIndex < 0) outcome.value = "";
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.apply(), DEBOUNCE);
  }

  apply() {
    clearTimeout(this.timer);
    const { query } = this;
    history.replaceState(null, "", query ? `#${query}` : location.pathname + location.search);
    this.changed(query);
  }
}

function searched(entry) {
  const { type, name, key, url, status, reason, message, response } = entry;
  return [type, name, key, positionOf(entry), url, status, reason, message, response].join("\n").toLowerCase();
}
