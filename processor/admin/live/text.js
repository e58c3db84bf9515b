/* Values as text: for people, short, with units. Whatever type a value has. */

const NONE = "–";
const CELL = 200;
const DEEPEST_INDENT = 40;
const counts = new Intl.NumberFormat("en");

export const counted = (number) => counts.format(number);

/* Whole, for it is copied: a topic's name has up to 249 characters. */
export const positionOf = (entry) => `${text(entry.topic, 249)}/${text(entry.partition)}@${text(entry.offset)}`;

/* Any JSON value as one line, cut so that a hostile megabyte costs nothing. */
export function text(value, limit = CELL) {
  if (value === null || value === undefined || value === "") return NONE;
  const whole = typeof value === "object" ? JSON.stringify(value) : String(value);
  return whole.length > limit ? `${whole.slice(0, limit)}…` : whole;
}

export const outcomeText = (outcome) => text(outcome).replaceAll("_", "-");

/* The time of day where the reader is, with milliseconds; `at` is seconds since 1970. */
export function timeOfDay(at) {
  const date = dateOf(at);
  if (!date) return NONE;
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits);
  return `${hours}:${minutes}:${seconds}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

export const timestamp = (at) => dateOf(at)?.toISOString() ?? NONE;

export function duration(seconds) {
  if (typeof seconds !== "number") return NONE;
  if (seconds < 0) return `-${duration(-seconds)}`;
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${counted(Math.floor(seconds / 86400))} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

export const bytes = (number) => (typeof number === "number" ? `${counted(number)} bytes` : NONE);

/* JSON text with line breaks. No token is touched: a parser would round large numbers and drop
   repeated names. Text that is cut off, or no JSON, comes out whole too. */
export function indented(json) {
  let depth = 0;
  const line = () => `\n${"  ".repeat(Math.min(Math.max(depth, 0), DEEPEST_INDENT))}`;
  const put = (token, at) => {
    if (token[0] === '"') return token;
    if (/\s/.test(token[0])) return isLayout(json[at - 1], json[at + token.length]) ? "" : token;
    if (token.length > 1) return token[0] + token.at(-1);
    if (token === ":") return ": ";
    if (token === ",") return token + line();
    depth += "{[".includes(token) ? 1 : -1;
    return "{[".includes(token) ? token + line() : line() + token;
  };
  return json.replace(/"[^"\\]*(?:\\.[^"\\]*)*(?:"|$)|[{[]\s*[}\]]|[{}[\],:]|\s+/gs, put);
}

const isLayout = (before = "?", after = "?") => "{[,:".includes(before) || "{}[],:".includes(after);

function dateOf(at) {
  const date = new Date(typeof at === "number" ? at * 1000 : NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}

const twoDigits = (number) => String(number).padStart(2, "0");
