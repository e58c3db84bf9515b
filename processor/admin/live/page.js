/* The page: what comes over the stream goes into the table, the counters and the line of state; what the
   reader does goes to the filters, the table and the pane of details.

   Promise: rows stand still while they are read (paused, scrolled, one of them open or in focus, the pointer
   moving over them); whatever is said of the connection is also said to a screen reader. */

import { Counters } from "./counters.js";
import { draw } from "./details.js";
import { Filters, matcher } from "./filters.js";
import { countText, Rows } from "./rows.js";
import { Stream } from "./stream.js";
import { counted, duration, text, timeOfDay } from "./text.js";

const POINTER_RESTS = 1500;
const CONNECTING_SHOWN_AFTER = 400;
const FIELD = "input, select, textarea";

const at = (id) => document.getElementById(id);
const list = at("list");
const pane = at("details");

const counters = new Counters();
const rows = new Rows(at("rows"), open);
const filters = new Filters(at("filters"), refilter);
const stream = new Stream({ hello, entries, letters, state });
let paused = false;
let pointed = 0;
let scrolled = false;
let payloads = "none";
let connecting = 0;

function hello(said, lostAt) {
  payloads = said.payloads;
  letters(null);
  rows.remember();
  at("destination").textContent = text(said.destination);
  document.title = `${text(said.destination)}: live deliveries`;
  const crew = said.workers ? `, ${counted(said.workers)} workers` : "";
  at("about").textContent = `to ${text(said.endpoint)}, version ${text(said.version)}${crew}`;
  at("table").classList.toggle("with-workers", Boolean(said.workers));
  const gone = duration(Date.now() / 1000 - lostAt);
  if (lostAt) rows.mark(`Not connected from ${timeOfDay(lostAt)} for ${gone}: of that time at most some failures are shown.`);
  refresh();
}

function entries(said, query) {
  const came = (Array.isArray(said.entries) ? said.entries : []).filter((entry) => entry && typeof entry === "object");
  rows.add(came, query);
  filters.offer(came, at("types"));
  counters.add(came, Number(said.unseen) || 0, performance.now());
  refresh();
}

/* `open` is null while that is not known. */
function letters(open) {
  at("letters").hidden = !open;
  at("letters-open").textContent = `${counted(Number(open) || 0)} dead ${open === 1 ? "letter is" : "letters are"} open`;
}

function state(name, why, wait) {
  clearTimeout(connecting);
  if (name === "connecting") connecting = setTimeout(() => say(name, "Connecting…"), CONNECTING_SHOWN_AFTER);
  if (name === "live") say(name, "Connected");
  if (name === "busy") say(name, `No connection: ${why}. Trying again in ${duration(wait)}.`);
  if (name === "lost") say(name, `Connection lost: ${why}. Trying again in ${duration(wait)}.`);
  if (name === "locked") say(name, "Not connected: a token is needed.");
  if (name === "locked" || name === "live") ask(name === "locked", why ?? "");
}

function say(name, words) {
  at("state").dataset.state = name;
  at("state").textContent = words;
}

function ask(needed, why) {
  at("login").hidden = !needed;
  at("login-text").textContent = why;
  at("token").ariaInvalid = why ? "true" : null;
  if (needed) at("token").focus();
}

function refilter(query) {
  if (query === stream.query) return;
  rows.filter(query, matcher(query));
  if (rows.topped) rows.mark("The filter changed here: rows below came under the one before.");
  stream.open(query);
  refresh();
}

function refresh() {
  rows.hold(isRead());
  const { waitingCount } = rows;
  at("waiting").textContent = waitingCount ? `${counted(waitingCount)} new while ${paused ? "paused" : "you read"}` : "";
  at("show").hidden = paused || !waitingCount;
  at("pause").textContent = paused ? "Resume" : "Pause";
  at("empty").hidden = rows.body.rows.length > 0;
  at("older").hidden = rows.matching <= rows.body.rows.length;
  at("count").textContent = countText(rows);
  for (const [name, shown] of Object.entries(counters.read(performance.now()))) at(name).textContent = shown;
}

function tick() {
  const said = counters.announcement(performance.now());
  if (said) at("announcer").textContent = said;
  refresh();
}

function isRead() {
  const focused = rows.body.querySelector(":focus-visible") !== null;
  return paused || focused || !pane.hidden || scrolled || performance.now() < pointed;
}

function open(entry) {
  rows.choose(entry);
  draw(pane, entry, payloads, { close, search: (words) => (close(), filters.search(words)) });
  refresh();
}

function close() {
  const row = rows.rowOf(rows.current);
  if (pane.contains(document.activeElement)) (row?.querySelector("button") ?? list).focus();
  pane.hidden = true;
  pane.replaceChildren();
  rows.choose(null);
  refresh();
}

function pause() {
  paused = !paused;
  if (!paused) catchUp();
  refresh();
}

function catchUp() {
  close();
  if (rows.body.contains(document.activeElement)) list.focus();
  list.scrollTop = 0;
  scrolled = false;
  pointed = 0;
  refresh();
}

function clear() {
  rows.clear();
  catchUp();
}

function move(step) {
  const from = document.activeElement.closest("#rows tr") ?? rows.rowOf(rows.current);
  let row = rows.beside(from, step);
  if (!row && step > 0 && from) row = beyond(rows.entryOf(from));
  row?.querySelector("button").focus();
  if (row && !pane.hidden) open(rows.entryOf(row));
  refresh();
}

/* The row behind the last one that is in the document. */
function beyond(entry) {
  rows.showOlder();
  return rows.beside(rows.rowOf(entry), 1);
}

function leave() {
  if (!pane.hidden) close();
  else if (rows.body.contains(document.activeElement)) list.focus();
  refresh();
}

const KEYS = { p: pause, ArrowDown: () => move(1), ArrowUp: () => move(-1), Escape: leave, " ": pause };

function actionOf({ key, target }) {
  if (target.matches(FIELD)) return null;
  const inPane = pane.contains(target);
  if (inPane && key.startsWith("Arrow")) return null;
  if (key === " " && (inPane || target.matches("button"))) return null;
  return KEYS[key] ?? null;
}

addEventListener("keydown", (event) => {
  const act = event.ctrlKey || event.altKey || event.metaKey ? null : actionOf(event);
  if (!act) return;
  event.preventDefault();
  act();
});

list.addEventListener("pointermove", () => {
  pointed = performance.now() + POINTER_RESTS;
  rows.hold(isRead());
});
list.addEventListener("scroll", () => {
  scrolled = list.scrollTop > 0;
  refresh();
});
at("pause").addEventListener("click", pause);
at("show").addEventListener("click", catchUp);
at("clear").addEventListener("click", clear);
at("older").addEventListener("click", () => (rows.showOlder(), refresh()));
at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = at("token").value.trim();
  at("token").value = "";
  if (/^[\x21-\x7e]+$/.test(token)) stream.useToken(token);
  else ask(true, "A token has printable ASCII characters only.");
});

rows.filter(filters.query, matcher(filters.query));
stream.open(filters.query);
setInterval(tick, 1000);
