/* What came in the last seconds, and what the page says aloud of it. */

import { isFailure } from "./filters.js";
import { counted } from "./text.js";

const RATE_SECONDS = 5;
const FAILURE_SECONDS = 60;
const ANNOUNCED_EVERY = 15;

export class Counters {
  constructor() {
    this.came = [];
    this.announced = -Infinity;
    this.unannounced = 0;
  }

  /* `now` is in seconds, of a clock that only goes forward. */
  add(entries, unseen, now) {
    const failures = entries.filter(isFailure).length;
    this.unannounced += failures;
    this.came.push({ now, shown: entries.length, failures, unseen });
  }

  read(now) {
    this.came = this.came.filter((batch) => batch.now > now - FAILURE_SECONDS);
    const sum = (field, seconds) => this.came.reduce((all, batch) => all + (batch.now > now - seconds ? batch[field] : 0), 0);
    const rate = sum("shown", RATE_SECONDS) / RATE_SECONDS;
    return {
      rate: rate > 0 && rate < 10 ? rate.toFixed(1) : counted(Math.round(rate)),
      failures: counted(sum("failures", FAILURE_SECONDS)),
      unseen: counted(sum("unseen", 1)),
    };
  }

  /* A sentence about failures now and then, else null. */
  announcement(now) {
    if (!this.unannounced || now < this.announced + ANNOUNCED_EVERY) return null;
    const said = `${counted(this.unannounced)} new ${this.unannounced === 1 ? "failure" : "failures"}`;
    this.announced = now;
    this.unannounced = 0;
    return said;
  }
}
