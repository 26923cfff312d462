/**
 * The time of the event that is being dealt with. Reading the system's clock for each deadline, pool entry and duration
 * of a request was seven reads; what one event sets off happens at one time, so there are two: request and response.
 */
import type { Clock } from "@bifrost/shared/domain/time";

export class EventClock implements Clock {
  private readonly clock: Clock;
  private time: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.time = clock.now();
  }

  /** To be called where an event comes in; who forgets is late by the listener's sweep at most. */
  read(): number {
    this.time = this.clock.now();
    return this.time;
  }

  now(): number {
    return this.time;
  }
}
