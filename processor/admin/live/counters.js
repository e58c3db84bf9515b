/* What came in the last seconds, and what the page says aloud of it. */

import { isFailure } from "./filters.js";
import { counted } from "./text.js";

/* All times are milliseconds, as the clock has them: of fractions of a second sums are not exact, and what is
   due at a tick would now and then come at the next one. */
const RATE_TIME = 5_000;
const FAILURE_TIME = 60_000;
const ANNOUNCED_EVERY = 15_000;

export class Counters {
  constructor() {
    this.came = [];
    this.announced = -Infinity;
    this.unannounced = 0;
  }

  /* `now` is of a clock that only goes forward. */
  add(entries, unseen, now) {
    const failures = entries.filter(isFailure).length;
    this.unannounced += failures;
    this.came.push({ now, shown: entries.length, failures, unseen });
  }

  read(now) {
    this.came = this.came.filter((batch) => batch.now > now - FAILURE_TIME);
    const sum = (field, time) => this.came.reduce((all, batch) => all + (batch.now > now - time ? batch[field] : 0), 0);
    const rate = sum("shown", RATE_TIME) / (RATE_TIME / 1000);
    return {
      rate: rate > 0 && rate < 10 ? rate.toFixed(1) : counted(Math.round(rate)),
      failures: counted(sum("failures", FAILURE_TIME)),
      unseen: counted(sum("unseen", 1_000)),
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
