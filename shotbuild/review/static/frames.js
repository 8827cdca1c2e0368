// Films frame by frame: a Reel gives one film's frames by their number, a Transport plays several as one.
//
// What is shown is always one set of frames that belong together: while films play, each keeps the frames that came by under
// their numbers, and a set is drawn only when every film has its part of it. A slow machine shows fewer sets, never a wrong one.
"use strict";
window.Shotbuild = window.Shotbuild || {};
(() => {
  const KEPT = 14;
  const EARLY = 0.15, AHEAD = 1.2;     // seconds before its first frame at which a film is started, and made ready
  const STARVED = 450, TRIES = 8;      // milliseconds without a set until films are stepped, and looks for one frame
  const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

  function once(target, name, milliseconds) {
    return new Promise((done) => {
      const timer = setTimeout(end, milliseconds);
      function end() { clearTimeout(timer); target.removeEventListener(name, end); done(); }
      target.addEventListener(name, end);
    });
  }

  class Reel {
    // src: of a film at a constant rate; frames: how many it has; rate: in frames per second.
    constructor(src, frames, rate) {
      this.frames = frames;
      this.rate = rate;
      this.kept = new Map();
      this.at = -1;
      this.failed = false;
      this.running = false;
      this._turn = 0;
      this._pool = [];
      this.video = document.createElement("video");
      Object.assign(this.video, { muted: true, playsInline: true, preload: "auto", src });
      this.video.addEventListener("error", () => this._again(src));
      this.ready = new Promise((done) => {
        this._give = done;
        this.video.addEventListener("loadeddata", done, { once: true });
      });
      this._left = 10;
    }

    _again(src) {
      // It may still be made: a proxy is made when somebody first looks.
      if (this._left-- > 0) setTimeout(() => { this.video.src = src; this.video.load(); }, 1500);
      else { this.failed = true; this._give(); this.onfail?.(); }
    }

    clamp(frame) { return Math.max(0, Math.min(this.frames - 1, frame)); }

    picture(frame) { return this.kept.get(this.clamp(frame)); }

    // Keeps what the film shows now, under the number that the frame itself names; told: the number as somebody else knows it.
    _grab(told) {
      let picture = null, frame = told;
      try {
        picture = new VideoFrame(this.video);
        frame = Math.round((picture.timestamp / 1e6) * this.rate);
      } catch { /* from a folder, a page may not look into a film: then the browser's word has to do */ }
      if (frame === undefined || !this.video.videoWidth) return -1;
      frame = this.clamp(frame);
      const canvas = this._pool.pop() || document.createElement("canvas");
      if (canvas.width !== this.video.videoWidth || canvas.height !== this.video.videoHeight) {
        canvas.width = this.video.videoWidth;
        canvas.height = this.video.videoHeight;
      }
      canvas.getContext("2d").drawImage(picture || this.video, 0, 0, canvas.width, canvas.height);
      picture?.close();
      const before = this.kept.get(frame);
      if (before) { this._pool.push(before); this.kept.delete(frame); }
      this.kept.set(frame, canvas);
      while (this.kept.size > KEPT) {
        const oldest = this.kept.keys().next().value;
        this._pool.push(this.kept.get(oldest));
        this.kept.delete(oldest);
      }
      this.at = frame;
      return frame;
    }

    _shown() {
      return new Promise((done) => {
        const timer = setTimeout(() => done(undefined), 80);
        this.video.requestVideoFrameCallback((_, told) => { clearTimeout(timer); done(Math.round(told.mediaTime * this.rate)); });
      });
    }

    // Stands still on a frame; whether it is there.
    async seek(frame) {
      const mine = ++this._turn, wanted = this.clamp(frame);
      this.running = false;
      this.video.pause();
      if (this.kept.has(wanted)) return true;
      await this.ready;
      for (let tries = 0; tries < TRIES && !this.failed; tries++) {
        if (mine !== this._turn) return false;
        const shown = this._shown();
        const arrived = once(this.video, "seeked", 4000);
        // Into the middle of a frame: rounding cannot reach its neighbours.
        this.video.currentTime = (wanted + 0.5 + tries * 0.01) / this.rate;
        await arrived;
        const told = await shown;
        if (mine !== this._turn) return false;
        if (this._grab(told === undefined ? wanted : told) === wanted) return true;
        await sleep(20);
      }
      return false;
    }

    // Plays from about a frame on. Called again and again with the frame that is due, it keeps near to that.
    run(frame, speed) {
      const due = this.clamp(frame);
      if (!this.running) {
        this._start(due, speed);
        return;
      }
      if (this.video.paused) return;  // it is about to begin
      const off = this.at - due;
      if (Math.abs(off) > 10 * Math.max(1, speed) && performance.now() - this._began > 700) this._start(due, speed);
      else this.video.playbackRate = Math.abs(off) > 1 ? speed * (1 - Math.max(-0.15, Math.min(0.15, off * 0.03))) : speed;
    }

    async _start(frame, speed) {
      this.running = true;
      this._began = performance.now();
      const mine = ++this._turn;
      await this.ready;
      if (mine !== this._turn) return;
      if (Math.abs(this.video.currentTime * this.rate - frame - 0.5) > 1) {
        const arrived = once(this.video, "seeked", 4000);
        this.video.currentTime = (frame + 0.5) / this.rate;
        await arrived;
        if (mine !== this._turn) return;
      }
      this._grab(undefined);
      this.video.playbackRate = speed;
      const each = (_, told) => {
        if (mine !== this._turn) return;
        this._grab(Math.round(told.mediaTime * this.rate));
        this.video.requestVideoFrameCallback(each);
      };
      this.video.requestVideoFrameCallback(each);
      this._began = performance.now();
      await this.video.play().catch(() => {});
    }

    rest() {
      if (!this.running && this.video.paused) return;
      this._turn++;
      this.running = false;
      this.video.pause();
    }

    close() {
      this.rest();
      this.video.removeAttribute("src");
      this.video.load();
      this.kept.clear();
      this._pool = [];
    }
  }

  class Transport {
    // frames, rate: of what is played; plan: frame → [{reel, frame, still}], what it is made of; draw: (frame, pictures in
    // that order); tell: told when it plays, stops or changes its speed.
    constructor({ frames, rate, plan, draw, tell }) {
      Object.assign(this, { frames, rate, plan, draw, tell, frame: 0, playing: false, speed: 1, loop: true });
      this.first = 0;
      this.last = frames - 1;
      this.shown = -1;
      this._wanted = null;
      this._used = new Set();
      this._generation = 0;
    }

    clamp(frame) { return Math.max(0, Math.min(this.frames - 1, Math.round(frame))); }

    _pictures(frame) {
      const pictures = [];
      for (const part of this.plan(frame)) {
        if (!part.reel || part.reel.failed) { pictures.push(null); continue; }
        const picture = part.reel.picture(part.frame);
        if (!picture) return null;
        pictures.push(picture);
      }
      return pictures;
    }

    _present(frame, pictures) {
      this.shown = this.frame = frame;
      this.draw(frame, pictures);
    }

    // Stands still on a frame. Of several that are asked for quickly, the last one is shown.
    async go(frame) {
      this.pause();
      this._wanted = this.clamp(frame);
      this.frame = this._wanted;
      if (this._going) return this._going;
      this._going = this._follow();
      await this._going;
      this._going = null;
    }

    async _follow() {
      while (this._wanted !== null && !this.playing) {
        const frame = this._wanted, generation = this._generation;
        await this._fetch(frame);
        if (generation !== this._generation || this.playing) continue;
        const pictures = this._pictures(frame);
        if (frame === this._wanted) this._wanted = null;
        if (pictures) this._present(frame, pictures);
      }
      this._wanted = null;
    }

    _fetch(frame) {
      return Promise.all(this.plan(frame).map((part) => part.reel && !part.reel.failed ? part.reel.seek(part.frame) : null));
    }

    // What it is made of has changed.
    refresh() {
      this._generation++;
      for (const reel of this._used) reel.rest();
      this._used.clear();
      if (!this.playing) return this.go(this.frame);
      this._restart(this.frame);
      return Promise.resolve();
    }

    play(speed = 1) {
      this.speed = speed;
      if (this.frame >= this.last && speed > 0) this.frame = this.first;
      if (this.frame <= this.first && speed < 0) this.frame = this.last;
      const began = !this.playing;
      this.playing = true;
      this._careful = speed < 0;
      this._restart(this.frame);
      this.tell?.();
      if (began) requestAnimationFrame((now) => this._tick(now));
    }

    pause() {
      if (!this.playing) return;
      this.playing = false;
      for (const reel of this._used) reel.rest();
      this._used.clear();
      this.tell?.();
    }

    toggle() { this.playing ? this.go(this.frame) : this.play(1); }

    _restart(frame) {
      this._base = frame;
      this._began = this._drawn = performance.now();
      this.shown = frame - Math.sign(this.speed);
    }

    _due(now) { return this._base + Math.trunc(((now - this._began) / 1000) * this.rate * this.speed); }

    async _tick(now) {
      if (!this.playing) return;
      let due = this._due(now);
      if (due > this.last || due < this.first) {
        if (!this.loop) { this.go(this.speed > 0 ? this.last : this.first); return; }
        // The last frames are shown before it begins again, if they come soon.
        if (this._careful || this.shown >= this.last - 1 || due > this.last + this.rate * 0.25) {
          this._restart(this.speed > 0 ? this.first : this.last);
        }
        due = Math.max(this.first, Math.min(this.last, this._due(now)));
      }
      if (this._careful) await this._step(due);
      else this._stream(due, now);
      if (this.playing) requestAnimationFrame((next) => this._tick(next));
    }

    async _step(due) {
      if (due === this.shown) return;
      const generation = this._generation;
      await this._fetch(due);
      const pictures = this._pictures(due);
      if (this.playing && pictures && generation === this._generation) this._present(due, pictures);
    }

    _stream(due, now) {
      const used = new Set();
      const use = (frame, act) => {
        for (const part of this.plan(this.clamp(frame))) {
          if (part.reel && !part.reel.failed && !used.has(part.reel)) { used.add(part.reel); act(part); }
        }
      };
      const run = (part) => part.still ? this._still(part) : part.reel.run(part.frame, this.speed);
      use(due, run);
      use(due + this.rate * EARLY * this.speed, (part) => part.still ? this._still(part) : this._soon(part));
      use(due + this.rate * AHEAD * this.speed, (part) => this._ready(part));
      for (const reel of this._used) if (!used.has(reel)) reel.rest();
      this._used = used;
      for (let frame = due; frame > this.shown; frame--) {
        const pictures = this._pictures(frame);
        if (pictures) { this._present(frame, pictures); this._drawn = now; return; }
      }
      if (now - this._drawn > STARVED && due > this.shown) {
        // Films that skip frames may never have the same one: then each set is fetched by itself.
        if (now - this._drawn > 3 * STARVED) { this._careful = true; for (const reel of used) reel.rest(); }
        this._base = Math.max(this.first, this.shown);
        this._began = now;
      }
    }

    _still(part) { if (!part.reel.picture(part.frame) && !part.reel.seeking) this._seek(part); else part.reel.rest(); }

    _soon(part) { if (!part.reel.running) part.reel.run(part.frame, this.speed); }

    _ready(part) { if (!part.reel.running && !part.reel.seeking && Math.abs(part.reel.at - part.frame) > this.rate * 1.5) this._seek(part); }

    async _seek(part) {
      part.reel.seeking = true;
      await part.reel.seek(part.frame);
      part.reel.seeking = false;
    }
  }

  // --- what both players have -------------------------------------------------------------------------------------------

  function timecode(frame, rate) {
    const whole = Math.round(rate), two = (number) => String(number).padStart(2, "0");
    const seconds = Math.floor(frame / whole);
    return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}:${two(frame % whole)}`;
  }

  function make(name, attributes = {}, ...inside) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (key === "class") element.className = value;
      else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...inside);
    return element;
  }

  function button(text, title, act, more = {}) {
    return make("button", { type: "button", title, "aria-label": title, onclick: act, ...more }, text);
  }

  // A picture in the middle of a canvas, whole.
  function fit(canvas, picture) {
    const context = canvas.getContext("2d");
    if (canvas.width !== picture.width || canvas.height !== picture.height) {
      canvas.width = picture.width;
      canvas.height = picture.height;
    }
    context.drawImage(picture, 0, 0);
    return context;
  }

  function typing(event) {
    return event.target.closest("input:not([type=range]):not([type=checkbox]), textarea, select, dialog, [contenteditable]")
      || event.ctrlKey || event.metaKey || event.altKey;
  }

  // The keys that every player has. extra: key → what it does.
  function keys(transport, extra) {
    const shuttle = (to) => {
      const now = transport.playing ? transport.speed : 0;
      const next = to === 0 ? 0 : Math.sign(now) === to ? Math.max(-4, Math.min(4, now * 2)) : to;
      if (next) transport.play(next); else transport.go(transport.frame);
    };
    const acts = {
      " ": () => transport.toggle(), k: () => shuttle(0), l: () => shuttle(1), j: () => shuttle(-1),
      ArrowLeft: () => transport.go(transport.frame - 1), ArrowRight: () => transport.go(transport.frame + 1),
      Home: () => transport.go(transport.first), End: () => transport.go(transport.last), ...extra,
    };
    document.addEventListener("keydown", (event) => {
      if (typing(event) || event.shiftKey || event.defaultPrevented) return;
      if (event.key === " " && event.target.closest("button, a, summary")) return;
      const act = acts[event.key];
      if (!act || act() === false) return;
      event.preventDefault();
      event.stopPropagation();
    }, true);
  }

  Object.assign(Shotbuild, { Reel, Transport, timecode, make, button, fit, keys });
})();
