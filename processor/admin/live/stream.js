/* The connection to the server: one at a time, opened anew when it is lost, until it is told to stop.

   Promise: the waits grow from 1 to 30 seconds and are jittered; a connection on which nothing comes for
   25 seconds counts as lost; the token is kept for this tab only, and goes to the page's own server only. */

import { EventParser } from "./events.js";

const SILENCE = 25_000;
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;
/* A connection that lived so long was a good one: the next wait is the first again. */
const GOOD = 10_000;
const TOKEN = "webhook-processor.live.token";

const now = () => Date.now() / 1000;

/* Why there is no stream; `state` is busy, locked or lost. */
class NoStream extends Error {
  constructor(state, message) {
    super(message);
    this.state = state;
  }
}

export class Stream {
  /* `on` has `hello(data, lostAt)`, `entries(data, query)`, `letters(count)` and `state(name, why, wait)`: connecting, live,
     lost, busy or locked. `lostAt` is when the stream before fell silent, in seconds since 1970, or null. */
  constructor(on) {
    this.on = on;
    this.failures = 0;
    this.lostAt = null;
    this.timer = 0;
    this.connection = null;
  }

  open(query) {
    this.stop();
    this.query = query;
    this.connection = new Connection(query);
    this.run(this.connection);
  }

  stop() {
    clearTimeout(this.timer);
    this.connection?.close(null);
  }

  useToken(token) {
    sessionStorage.setItem(TOKEN, token);
    this.open(this.query);
  }

  async run(connection) {
    this.on.state("connecting");
    try {
      await connection.read((message) => this.tell(connection, message));
    } catch (error) {
      const why = connection.end(error);
      if (why) this.ended(connection, why);
    }
  }

  tell(connection, { event, data }) {
    if (event === "hello") {
      connection.live = true;
      this.on.state("live");
      this.on.hello(JSON.parse(data), this.lostAt);
      this.lostAt = null;
    }
    if (event === "letters") this.on.letters(JSON.parse(data).open);
    if (event === "entries") this.on.entries(JSON.parse(data), connection.query);
  }

  ended(connection, why) {
    if (connection.live) this.lostAt ??= connection.heard;
    if (why.state === "locked") {
      this.on.state("locked", why.message);
      return;
    }
    this.failures = connection.age > GOOD ? 1 : this.failures + 1;
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (this.failures - 1)) * (0.5 + Math.random() / 2);
    this.timer = setTimeout(() => this.open(this.query), wait);
    this.on.state(why.state, why.message, wait / 1000);
  }
}

class Connection {
  constructor(query) {
    this.query = query;
    this.live = false;
    this.began = performance.now();
    this.abort = new AbortController();
    this.hear();
  }

  get age() {
    return performance.now() - this.began;
  }

  /* Pass on every message. Returns never: it throws why it ended. */
  async read(tell) {
    const answer = await this.request();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new NoStream("lost", "the server ended it");
      this.abort.signal.throwIfAborted();
      this.hear();
      parser.feed(value).forEach(tell);
    }
  }

  async request() {
    const token = sessionStorage.getItem(TOKEN);
    const headers = { Accept: "text/event-stream", ...(token && { Authorization: `Bearer ${token}` }) };
    const { signal } = this.abort;
    const answer = await fetch(`live/events${this.query && `?${this.query}`}`, { headers, signal, cache: "no-store" });
    if (answer.status === 401) throw refused(token);
    if (answer.status === 503) throw new NoStream("busy", "too many are watching");
    if (!answer.ok) throw new NoStream("lost", `the server answers ${answer.status}`);
    if (answer.headers.get("Content-Type")?.startsWith("text/event-stream")) return answer;
    throw new NoStream("lost", "the answer is no stream of events");
  }

  hear() {
    this.heard = now();
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.close(new NoStream("lost", "nothing came for 25 s")), SILENCE);
  }

  /* `why` is null where we end it ourselves. */
  close(why) {
    clearTimeout(this.silence);
    this.abort.abort(why);
  }

  /* Why there is no stream, or null. */
  end(error) {
    const { aborted, reason } = this.abort.signal;
    this.close(null);
    if (aborted) return reason;
    if (error instanceof NoStream) return error;
    if (error instanceof SyntaxError) return new NoStream("lost", "the stream cannot be read");
    return new NoStream("lost", this.live ? "the connection broke" : "the server cannot be reached");
  }
}

function refused(token) {
  sessionStorage.removeItem(TOKEN);
  return new NoStream("locked", token ? "This token is refused." : "");
}
