/* Everything that is known of one entry, beside the table. What the event carries becomes text only. */

import { bytes, duration, indented, outcomeText, positionOf, text, timeOfDay, timestamp } from "./text.js";

const LONGEST = 200_000;
const LONGEST_INDENTED = 1_000_000;
const FACTS = {
  Happened: (entry) => `${timeOfDay(entry.at)} (${timestamp(entry.at)})`,
  Offset: positionOf,
  Key: (entry) => long(entry.key),
  Type: (entry) => long(entry.type),
  Name: (entry) => long(entry.name),
  Attempts: (entry) => text(entry.attempts),
  Status: (entry) => text(entry.status),
  Reason: (entry) => long(entry.reason),
  Message: (entry) => long(entry.message),
  "Latency of the last attempt": (entry) => duration(entry.seconds),
  "Age of the event": (entry) => duration(entry.age),
  "Next attempt in": (entry) => duration(entry.retry_in),
  "Size of the value": (entry) => bytes(entry.bytes),
  "Was a dead letter": (entry) => (entry.again ? "yes" : "no"),
  Worker: (entry) => text(entry.worker),
};
const SHOWN = new Set([
  ..."at outcome type name key topic partition offset method url attempts status reason message".split(" "),
  ..."seconds age retry_in response request_headers payload bytes again worker".split(" "),
]);

const long = (value) => text(value, LONGEST);

/* The pane for `entry`; `on` has `close()` and `search(words)`. */
export function draw(pane, entry, payloads, on) {
  const title = element("h2", outcomeText(entry.outcome), { id: "details-title" });
  title.dataset.outcome = text(entry.outcome);
  const position = positionOf(entry);
  pane.replaceChildren(
    title,
    button("Close", on.close),
    button("Copy offset", (event) => copy(position, event.target)),
    button("Only this record", () => on.search(position)),
    facts(Object.entries(FACTS).map(([name, shown]) => [name, shown(entry)])),
    ...section("Request", requestOf(entry)),
    ...section(payloads === "masked" ? "Payload, masked" : "Payload", payloadOf(entry, payloads)),
    ...section("Response", long(entry.response)),
    ...others(entry),
  );
  pane.hidden = false;
  pane.scrollTop = 0;
}

function requestOf(entry) {
  const headers = Array.isArray(entry.request_headers) ? entry.request_headers : [];
  if (!entry.url && !headers.length) return "No request was sent.";
  const lines = headers.map((header) => (Array.isArray(header) ? header.map((part) => long(part)).join(": ") : long(header)));
  return [`${text(entry.method)} ${long(entry.url)}`, ...lines].join("\n");
}

function payloadOf(entry, payloads) {
  if (payloads === "none") return "Not shown: the setting live.payloads is none.";
  if (typeof entry.payload !== "string") return "There is none.";
  return text(indented(long(entry.payload)), LONGEST_INDENTED);
}

/* Fields that this page does not know yet. */
function others(entry) {
  const unknown = Object.entries(entry).filter(([name]) => !SHOWN.has(name));
  return unknown.length ? [element("h3", "Further"), facts(unknown.map(([name, value]) => [text(name), long(value)]))] : [];
}

function facts(pairs) {
  const list = element("dl", "");
  list.append(...pairs.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
  return list;
}

function section(title, content) {
  return [element("h3", title), element("pre", content, { tabIndex: 0, role: "region", ariaLabel: title })];
}

function button(label, pressed) {
  const made = element("button", label, { type: "button" });
  made.addEventListener("click", pressed);
  return made;
}

function element(tag, content, properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: content }, properties);
}

/* Only a secure page has the clipboard; elsewhere the selection is copied. */
async function copy(words, button) {
  try {
    await navigator.clipboard.writeText(words);
    button.textContent = "Copied";
  } catch {
    button.textContent = copySelected(words) ? "Copied" : "Not allowed here";
  }
}

function copySelected(words) {
  const field = element("textarea", words, { className: "heard" });
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
