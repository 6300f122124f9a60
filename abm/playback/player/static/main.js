// SPDX-License-Identifier: Apache-2.0
// The player: what is read, what is shown at which moment, and how time goes on.

import { Palette, fieldTops } from "player/colours";
import { Toolbar, Transport, listen, shortcuts } from "player/controls";
import { Courses } from "player/courses";
import { h, icon, later } from "player/dom";
import { EmbeddedSource } from "player/embedded_source";
import { Frames, frameAt } from "player/frames";
import { showBanner, showHeading, showStanding } from "player/heading";
import { HttpSource } from "player/http_source";
import { Inspector } from "player/inspector";
import { Legend } from "player/legend";
import { Pane } from "player/pane";
import { Store } from "player/store";
import { Timeline, clock } from "player/timeline";

const LOOK_EVERY = 2000;
const LOOK_SELDOM = 6000;
const AHEAD = 6;
const element = (id) => document.getElementById(id);

export async function start() {
  const held = element("player-data");
  const source = held ? new EmbeddedSource(JSON.parse(held.textContent))
    : new HttpSource(new URLSearchParams(location.search).get("token"));
  const player = new Player(source);
  window.player = player; // for the console, and for tests
  try {
    player.take(await source.runs());
  } catch (error) {
    showBanner(error.message);
    document.body.dataset.state = "failed";
    return;
  }
  player.open();
}

class Player {
  constructor(source) {
    this.source = source;
    this.frames = new Frames(source);
    this.store = new Store();
    this.panes = [];
    this.camera = { yaw: 0.65, pitch: 0.45, far: 2.95 };
    this.moments = { ticks: [], ticksPerDay: 5760 };
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.shownAt = 0;
    for (const name of ["share", "theme", "help"]) element(name).append(icon(name));
  }

  // Take in descriptions of the runs, at first or as they grew.
  take(runs) {
    this.runs = runs.map((run, index) => ({
      ...run, index, ranks: Uint8Array.from(run.ranks), fieldMost: fieldTops(runs),
    }));
    const views = this.runs.flatMap((run) => run.places.map((place) => place.layers.codes ?? []));
    const others = this.runs.flatMap((run) => run.places.flatMap((place) => Object.values(place.layers)));
    let ticks = [...new Set(views.flat())];
    if (!ticks.length) ticks = [...new Set(others.flat())];
    if (!ticks.length) {
      ticks = [...new Set(this.runs.flatMap((run) =>
        run.panels.flatMap((panel) => panel.courses.flatMap((course) => course.ticks))))];
    }
    this.moments = { ticks: ticks.sort((one, other) => one - other), ticksPerDay: this.runs[0].ticksPerDay };
  }

  get compared() {
    return this.runs.length > 1;
  }

  open() {
    const { store } = this;
    store.fromFragment(location.hash, this.moments.ticksPerDay);
    const actions = {
      toggle: () => this.toggle(), step: (by) => this.step(by),
      day: (by) => this.seekDay(store.get("tick") / this.moments.ticksPerDay + by),
      first: () => this.go(0), last: () => this.go(this.moments.ticks.length - 1), live: () => this.setLive(!store.get("live")),
      theme: () => store.set({ theme: this.isDark ? "light" : "dark" }), help: () => element("shortcuts").showModal(),
      close: () => this.inspector.close(),
    };
    this.inspector = new Inspector(element("inspector"),
      { source: this.source, store, frames: this.frames, palette: () => this.palettes[0] });
    this.toolbar = new Toolbar(element("toolbar"), store);
    this.legend = new Legend(element("legend"), store);
    this.transport = new Transport(element("transport"), store, actions);
    this.timeline = new Timeline(this.transport.timelineHost,
      { seek: (day) => this.seekDay(day), seekTick: (tick) => this.seekTick(tick) });
    this.courses = new Courses(element("courses"), { seek: (day) => this.seekDay(day) });
    shortcuts(element("shortcuts"));
    listen(actions, store, () => this.runs[0].places);
    element("theme").onclick = actions.theme;
    element("help").onclick = actions.help;
    element("live").onclick = actions.live;
    element("share").onclick = () => this.share();
    this.dark.addEventListener("change", () => this.dress());
    this.keep = later(400, () => history.replaceState(null, "", `#${store.toFragment(this.moments.ticksPerDay)}`));
    store.hear((changed) => this.changed(changed));
    store.set({ tick: this.momentAt(store.get("tick") ?? this.moments.ticks[0] ?? 0) });
    if (this.source.follows && this.runs.some((run) => run.status === "running") && !location.hash) this.setLive(true);
    this.lay();
    this.dress();
    if (this.source.follows) this.lookAgain(LOOK_EVERY);
    document.body.dataset.state = "open";
  }

  lay() {
    this.toolbar.key = null;
    showHeading(this.runs, this.source);
    const wanted = this.runs.flatMap((one) => one.places.map((place) => ({ run: one, place })));
    const names = [...new Set(wanted.map(({ place }) => place.name))];
    const key = wanted.map(({ run: one, place }) => `${one.index}${place.name}${place.shape}`).join();
    if (this.layKey !== key) {
      this.layKey = key;
      this.panes = wanted.map(({ run: one, place }) => new Pane({
        run: one, place, store: this.store, frames: this.frames, camera: this.camera, inspect: this.inspector,
        turned: () => { for (const pane of this.panes) pane.deep?.draw(); },
      }));
      const host = element("panes");
      host.dataset.columns = this.compared ? 2 : names.length;
      host.dataset.rows = this.compared ? names.length : 1;
      // one row per place in a comparison, so that the same stands beside the same
      const order = this.compared ? names.flatMap((name) => this.panes.filter((pane) => pane.place.name === name)) : this.panes;
      host.replaceChildren(...order.map((pane) => pane.element));
      if (!order.length) host.replaceChildren(h("p", { class: "pane-empty" },
        "This run has no lattice to show; its courses are beside."));
      for (const pane of this.panes) pane.compared = this.compared;
    } else {
      this.panes.forEach((pane, at) => pane.update(wanted[at].run, wanted[at].place));
    }
    this.standing();
  }

  standing() {
    showStanding(this.runs, this.source);
    const running = this.runs.some((run) => run.status === "running");
    element("live").hidden = !running && !this.store.get("live");
    if (!running && this.store.get("live")) this.store.set({ live: false });
  }

  get isDark() {
    const chosen = this.store.get("theme");
    return chosen ? chosen === "dark" : this.dark.matches;
  }

  dress() {
    document.documentElement.dataset.theme = this.isDark ? "dark" : "light";
    this.palettes = this.runs.map((run) => new Palette(run, this.isDark));
    this.timeline.show(this.runs, this.palettes[0]);
    this.courses.show(this.runs, this.palettes[0]);
    this.show();
  }

  changed(changed) {
    if (changed.has("theme")) this.dress();
    else if (!(changed.size === 1 && (changed.has("playing") || changed.has("loop") || changed.has("speed")))) this.show();
    this.transport.update(this.moments);
    element("live").setAttribute("aria-pressed", String(this.store.get("live")));
    if (changed.has("playing")) this.tickOn();
    this.keep();
  }

  // Fetch what the moment needs and show it at once; what was asked for before is given up.
  async show() {
    const tick = this.store.get("tick") ?? 0;
    this.toolbar.show(this.runs);
    this.transport.update(this.moments);
    this.controller?.abort();
    const controller = new AbortController();
    this.controller = controller;
    this.planAhead(tick);
    const fetched = await Promise.allSettled(this.panes.map((pane) => pane.fetch(tick, controller.signal)));
    if (controller.signal.aborted) return;
    const failed = fetched.find((each) => each.status === "rejected");
    if (failed && this.source.follows) {
      // a frame that cannot be had may be the first sign that the whole file is damaged or gone: that is told then
      await this.look();
      if (controller.signal.aborted) return;
    }
    this.trouble = failed ? failed.reason.message : "";
    this.tellTroubles();
    fetched.forEach((each, at) => {
      const pane = this.panes[at];
      pane.element.classList.toggle("failed", each.status === "rejected");
      if (each.status === "fulfilled") pane.show(each.value, this.palettes[pane.run.index], tick);
    });
    if (this.panes.length) this.legend.show(this.panes, this.palettes[0]);
    const day = tick / this.moments.ticksPerDay;
    this.transport.day.textContent = this.moments.ticks.length ? clock(day) : "Nothing recorded yet";
    this.transport.caption.textContent = this.timeline.captions(day);
    this.timeline.move(tick);
    this.courses.move(day);
    document.body.dataset.tick = tick;
    document.body.dataset.shown = String(Number(document.body.dataset.shown ?? 0) + 1);
    this.shownAt = performance.now();
    this.fetchAhead();
  }

  // What was asked for ahead is given up when something else is to be shown next.
  planAhead(tick) {
    const { view, density, colour, overlay, planes, hidden } = this.store.state;
    const plan = JSON.stringify([view, density, colour, overlay, planes, hidden]);
    if (this.ahead && (this.ahead.plan !== plan || !this.ahead.ticks.has(tick))) {
      this.ahead.controller.abort();
      this.ahead = null;
    }
    this.ahead ??= { plan, ticks: new Set(), controller: new AbortController() };
  }

  fetchAhead() {
    if (!this.source.follows) return;
    const { ticks } = this.moments;
    const at = frameAt(ticks, this.store.get("tick"));
    for (const tick of ticks.slice(at + 1, at + 1 + (this.store.get("playing") ? AHEAD : 1))) {
      this.ahead.ticks.add(tick);
      for (const pane of this.panes) pane.fetch(tick, this.ahead.controller.signal).catch(() => {});
    }
  }

  // What is wrong with the file tells more than the frame that could not be had of it.
  tellTroubles() {
    showBanner(this.farTrouble || this.trouble, this.notice, () => {
      this.notice = "";
      this.tellTroubles();
    });
  }

  // The number of the moment up to a tick, of the first before that.
  momentNumber(tick) {
    return Math.max(frameAt(this.moments.ticks, tick), 0);
  }

  momentAt(tick) {
    return this.moments.ticks[this.momentNumber(tick)] ?? tick;
  }

  // The moment nearest to a tick: where one points is where one wants to be.
  seekTick(tick) {
    const { ticks } = this.moments;
    const low = this.momentNumber(tick);
    const nearer = low + 1 < ticks.length && ticks[low + 1] - tick < tick - ticks[low] ? low + 1 : low;
    this.go(nearer);
  }

  seekDay(day) {
    this.seekTick(Math.round(day * this.moments.ticksPerDay));
  }

  go(at) {
    const { ticks } = this.moments;
    if (!ticks.length) return;
    const number = Math.min(Math.max(at, 0), ticks.length - 1);
    this.store.set({ tick: ticks[number], live: this.store.get("live") && number === ticks.length - 1 });
  }

  step(by) {
    this.store.set({ playing: false });
    this.go(this.momentNumber(this.store.get("tick")) + by);
  }

  toggle() {
    const { ticks } = this.moments;
    if (!this.store.get("playing") && this.store.get("tick") >= ticks.at(-1)) this.go(0);
    this.store.set({ playing: !this.store.get("playing") && ticks.length > 1 });
  }

  // Time goes on when the frame before has been shown long enough, and never before it was.
  tickOn() {
    cancelAnimationFrame(this.pending);
    let from = Number(document.body.dataset.shown ?? 0);
    let due = performance.now() + 1000 / this.store.get("speed");
    const advance = (now) => {
      if (!this.store.get("playing")) return;
      this.pending = requestAnimationFrame(advance);
      if (now < due || Number(document.body.dataset.shown) < from) return;
      const { ticks } = this.moments;
      const at = frameAt(ticks, this.store.get("tick"));
      if (at >= ticks.length - 1) {
        if (this.store.get("loop")) this.go(0);
        else if (!this.runs.some((run) => run.status === "running")) this.store.set({ playing: false });
      } else {
        this.go(at + 1);
      }
      from = Number(document.body.dataset.shown) + 1;
      due = Math.max(due, now - 1000 / this.store.get("speed")) + 1000 / this.store.get("speed");
    };
    this.pending = requestAnimationFrame(advance);
  }

  setLive(live) {
    const running = this.runs.some((run) => run.status === "running");
    this.store.set({ live: live && running,
      ...(live && running ? { tick: this.moments.ticks.at(-1) ?? 0, playing: false } : {}) });
  }

  async lookAgain(wait) {
    await new Promise((resolve) => { setTimeout(resolve, wait); });
    await this.look();
    this.lookAgain(!this.farTrouble && this.runs.some((run) => run.status === "running") ? LOOK_EVERY : LOOK_SELDOM);
  }

  // Look whether the file has grown, was replaced, or is no longer there; once at a time.
  async look() {
    if (this.looking) return;
    this.looking = true;
    try {
      const standing = await this.source.standing();
      this.farTrouble = "";
      const other = standing.some((one, at) => one.version !== this.runs[at].version);
      if (other) {
        this.frames.clear();
        this.notice = "Another run took the place of this file and is shown from here on.";
      }
      if (standing.some((one, at) => one.stamp !== this.runs[at].stamp)) await this.grow();
    } catch (error) {
      this.farTrouble = error.message;
    } finally {
      this.looking = false;
    }
    this.tellTroubles();
  }

  async grow() {
    const before = this.runs.map((run) => run.status).join();
    this.take(await this.source.runs());
    this.lay();
    this.palettes = this.runs.map((run) => new Palette(run, this.isDark));
    this.timeline.show(this.runs, this.palettes[0]);
    this.courses.show(this.runs, this.palettes[0]);
    if (this.store.get("live")) this.store.set({ tick: this.moments.ticks.at(-1) ?? 0 });
    else if (before !== this.runs.map((run) => run.status).join()
      || !this.panes.some((pane) => pane.shown?.size)) this.store.set({ tick: this.momentAt(this.store.get("tick")) });
    await this.show();
  }

  async share() {
    const kept = new URL(location.href);
    kept.hash = this.store.toFragment(this.moments.ticksPerDay);
    const button = element("share");
    try {
      await navigator.clipboard.writeText(kept.href);
      button.dataset.done = "copied";
    } catch {
      location.hash = kept.hash;
      button.dataset.done = "in the address";
    }
    setTimeout(() => { delete button.dataset.done; }, 1500);
  }
}
