/* The text of an event stream (`text/event-stream`) taken apart, wherever the network cut it. */

const LARGEST = 32 * 1024 * 1024;

export class EventParser {
  constructor() {
    this.rest = "";
    this.start();
  }

  /* The messages `{event, data}` that this piece of text completes. */
  feed(piece) {
    const lines = (this.rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop();
    if (this.rest.length + this.size > LARGEST) throw new Error("a message is too long");
    return lines.map((line) => this.take(line)).filter((message) => message !== null);
  }

  take(line) {
    if (line === "") return this.finish();
    const [, field, value] = /^([^:]*)(?:: ?)?(.*)$/s.exec(line);
    if (field === "event") this.event = value;
    if (field === "data") (this.data.push(value), (this.size += value.length));
    return null;
  }

  finish() {
    const message = this.data.length ? { event: this.event, data: this.data.join("\n") } : null;
    this.start();
    return message;
  }

  start() {
    this.event = "message";
    this.data = [];
    this.size = 0;
  }
}
