// Takes of a shot beside each other: in step to the frame, wiped, subtracted, as a sheet, and in their place in the cut.
"use strict";
(() => {
  const { Reel, Transport, timecode, make, button, fit, keys } = Shotbuild;
  const VIEWS = [
    ["side", "Side by side", "s"], ["wipe", "Wipe", "w"], ["difference", "Difference", "d"], ["sheet", "Sheet", "t"],
    ["context", "In the cut", "c"],
  ];
  const MOST = 4, MOST_MARKS = 100, MOST_POINTS = 2000, WHOLE = 10000;
  const GAINS = [1, 4, 16];

  function player(element) {
    const spec = JSON.parse(element.querySelector("script").textContent);
    const rate = spec.rate[0] / spec.rate[1];
    const takes = new Map(spec.takes.map((take) => [take.id, { ...take, reel: new Reel(take.src, take.frames, rate) }]));
    const around = ["before", "after"].map((name) => spec[name] && {
      ...spec[name], length: spec[name].to - spec[name].from, reel: null,
    });
    let chosen = (spec.chosen || []).filter((id) => takes.has(id)).slice(0, MOST);
    if (!chosen.length) chosen = [spec.takes[0].id];
    let focus = chosen.at(-1), view = "side", share = 0.5, gain = 4, notes = spec.notes || [], tool = null, loud = false;
    let drawn = [], drawnOn = null;

    const shown = () => view === "wipe" || view === "difference" ? pair() : view === "context" || view === "sheet" ? [focus] : chosen;
    const pair = () => chosen.length > 1 ? chosen.slice(0, 2) : [chosen[0], chosen[0]];
    const lead = () => view === "context" && around[0] ? around[0].length : 0;

    function length() {
      if (view === "context") return lead() + takes.get(focus).frames + (around[1]?.length || 0);
      return Math.max(...shown().map((id) => takes.get(id).frames));
    }

    function plan(frame) {
      if (view !== "context") return shown().map((id) => part(takes.get(id).reel, frame));
      const own = takes.get(focus), inside = frame - lead();
      if (inside < 0) return [{ reel: beside(0), frame: around[0].from + frame, still: false }];
      if (inside < own.frames) return [part(own.reel, inside)];
      return [{ reel: beside(1), frame: around[1].from + inside - own.frames, still: false }];
    }
    const part = (reel, frame) => ({ reel, frame, still: frame >= reel.frames });

    function beside(which) {
      const found = around[which];
      found.reel = found.reel || watch(new Reel(found.src, found.to, rate));
      return found.reel;
    }
    function watch(reel) { reel.onfail = () => { complain(); transport.refresh(); }; return reel; }
    for (const take of takes.values()) watch(take.reel);

    // --- what is drawn ----------------------------------------------------------------------------------------------------

    function draw(frame, pictures) {
      const own = frame - lead();
      element.dataset.frame = own;
      element.dataset.part = own < 0 ? "before" : own >= takes.get(focus).frames && view === "context" ? "after" : "take";
      if (view === "wipe" || view === "difference") mixed(pictures, own);
      else pictures.forEach((picture, index) => {
        const screen = screens[index];
        if (!screen) return;
        if (picture) fit(screen.canvas, picture);
        screen.canvas.dataset.frame = own;
        const take = takes.get(screen.id);
        screen.held.hidden = own < take.frames || view === "context";
        overlay(screen, own);
      });
      scrubber.value = frame;
      scrubber.setAttribute("aria-valuetext", said(own));
      counter.textContent = said(own);
      element.dispatchEvent(new CustomEvent("shotbuild:frame", { bubbles: true, detail: { frame: Math.max(0, own), part: element.dataset.part } }));
    }

    function said(own) {
      const where = element.dataset.part === "take" ? "" : `${element.dataset.part === "before" ? around[0].label : around[1].label} · `;
      return `${where}${own} · ${timecode(Math.max(0, own), rate)}`;
    }

    function mixed([one, other], own) {
      const screen = screens[0];
      if (!one || !other) return;
      const context = fit(screen.canvas, one);
      const { width, height } = screen.canvas;
      if (view === "wipe") {
        const at = Math.round(width * share);
        context.save();
        context.beginPath();
        context.rect(at, 0, width - at, height);
        context.clip();
        context.drawImage(other, 0, 0, width, height);
        context.restore();
        line.style.left = `${share * 100}%`;
      } else {
        context.globalCompositeOperation = "difference";
        context.drawImage(other, 0, 0, width, height);
        context.globalCompositeOperation = "lighter";
        for (let times = 1; times < gain; times *= 2) context.drawImage(screen.canvas, 0, 0);
        context.globalCompositeOperation = "source-over";
      }
      screen.canvas.dataset.frame = own;
      overlay(screen, own);
    }

    function overlay(screen, own) {
      const { marks: canvas } = screen;
      if (canvas.width !== screen.canvas.width || canvas.height !== screen.canvas.height) {
        canvas.width = screen.canvas.width;
        canvas.height = screen.canvas.height;
      }
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, canvas.width, canvas.height);
      for (const note of notes) {
        if (note.take === screen.id && own >= note.frames[0] && own <= note.frames[1]) note.marks.forEach((mark) => stroke(context, mark, "#ffd84d"));
      }
      if (drawnOn && drawnOn.take === screen.id && drawnOn.frame === own) drawn.forEach((mark) => stroke(context, mark, "#ff5d73"));
    }

    function stroke(context, mark, colour) {
      const [form, ...texts] = mark.split(" ");
      const { width, height } = context.canvas;
      const points = texts.map((text) => text.split(",").map(Number)).map(([x, y]) => [(x / WHOLE) * width, (y / WHOLE) * height]);
      const path = new Path2D();
      const [first, last] = [points[0], points.at(-1)];
      if (form === "box") path.rect(Math.min(first[0], last[0]), Math.min(first[1], last[1]), Math.abs(last[0] - first[0]), Math.abs(last[1] - first[1]));
      else {
        path.moveTo(...first);
        for (const point of points.slice(1)) path.lineTo(...point);
        if (form === "arrow") {
          const angle = Math.atan2(last[1] - first[1], last[0] - first[0]), size = Math.max(12, width / 40);
          for (const turn of [2.6, -2.6]) {
            path.moveTo(...last);
            path.lineTo(last[0] + Math.cos(angle + turn) * size, last[1] + Math.sin(angle + turn) * size);
          }
        }
      }
      Object.assign(context, { lineJoin: "round", lineCap: "round" });
      for (const [weight, ink] of [[7, "rgb(0 0 0 / .65)"], [3.5, colour]]) {
        context.lineWidth = (weight * Math.max(width, 480)) / 960;
        context.strokeStyle = ink;
        context.stroke(path);
      }
    }

    // --- drawing by hand --------------------------------------------------------------------------------------------------

    function pointed(screen, event) {
      const box = screen.marks.getBoundingClientRect();
      const into = (value, start, size) => Math.max(0, Math.min(WHOLE, Math.round(((value - start) / size) * WHOLE)));
      return `${into(event.clientX, box.left, box.width)},${into(event.clientY, box.top, box.height)}`;
    }

    function drawBy(screen) {
      let points = null;
      screen.marks.addEventListener("pointerdown", (event) => {
        focusOn(screen.id);
        if (view === "wipe" && !tool) return;
        const frame = Number(element.dataset.frame);
        if (!tool || element.dataset.part !== "take" || transport.playing) return;
        if (!drawnOn || drawnOn.frame !== frame || drawnOn.take !== screen.id) { drawn = []; drawnOn = { frame, take: screen.id }; }
        if (drawn.length >= MOST_MARKS) return;
        screen.marks.setPointerCapture(event.pointerId);
        points = [pointed(screen, event)];
        drawn.push(`${tool} ${points[0]} ${points[0]}`);
        event.preventDefault();
      });
      screen.marks.addEventListener("pointermove", (event) => {
        if (!points) return;
        const point = pointed(screen, event);
        if (tool !== "pen") points = [points[0], point];
        else if (points.length < MOST_POINTS && point !== points.at(-1)) points.push(point);
        drawn[drawn.length - 1] = `${tool} ${points.length > 1 ? points.join(" ") : `${points[0]} ${points[0]}`}`;
        overlay(screen, drawnOn.frame);
      });
      screen.marks.addEventListener("pointerup", () => { if (points) { points = null; tellMarks(); } });
    }

    function tellMarks() {
      tools.undo.disabled = tools.clear.disabled = !drawn.length;
      element.dispatchEvent(new CustomEvent("shotbuild:marks", {
        bubbles: true, detail: { frame: drawnOn?.frame ?? 0, take: drawnOn?.take ?? null, marks: [...drawn] },
      }));
    }

    function take(away) {
      if (away) drawn = []; else drawn.pop();
      for (const screen of screens) overlay(screen, Number(element.dataset.frame));
      tellMarks();
      if (!drawn.length) drawnOn = null;
    }

    // --- the parts of the page --------------------------------------------------------------------------------------------

    const stage = make("div", { class: "screens" });
    const line = make("div", { class: "divider", "aria-hidden": "true" });
    const sheet = make("div", { class: "sheet" });
    let screens = [];

    function screen(id, label) {
      const canvas = make("canvas", { role: "img", "aria-label": label, width: 960, height: 540 });
      const marks = make("canvas", { class: "marks", "aria-hidden": "true" });
      const held = make("span", { class: "held", hidden: true }, "ended");
      const caption = make("figcaption", {}, label);
      const found = { id, canvas, marks, held, figure: make("figure", {}, make("div", { class: "screen" }, canvas, marks, held), caption) };
      drawBy(found);
      return found;
    }

    function arrange() {
      const ids = shown();
      const single = view !== "side";
      screens = single
        ? [screen(focus, view === "wipe" || view === "difference" ? ids.map((id) => takes.get(id).label).join(view === "wipe" ? " | " : " − ") : takes.get(focus).label)]
        : ids.map((id) => screen(id, takes.get(id).label));
      stage.replaceChildren(...screens.map((each) => each.figure));
      stage.dataset.count = screens.length;
      if (view === "wipe") { screens[0].figure.firstChild.append(line); wipeBy(screens[0]); }
      stage.hidden = view === "sheet";
      sheet.hidden = view !== "sheet";
      if (view === "sheet") lay();
      wipe.hidden = view !== "wipe";
      amount.hidden = view !== "difference";
      for (const [name, each] of Object.entries(views)) each.setAttribute("aria-pressed", String(name === view));
      for (const each of labels.children) {
        each.setAttribute("aria-pressed", String(chosen.includes(each.dataset.take)));
        each.classList.toggle("focus", each.dataset.take === focus);
      }
      for (const each of screens) each.figure.classList.toggle("focus", each.id === focus && chosen.length > 1 && view === "side");
      element.dataset.view = view;
      transport.frames = length();
      transport.first = 0;
      transport.last = transport.frames - 1;
      range();
      scrubber.max = transport.frames - 1;
      transport.frame = transport.clamp(transport.frame);
      ticks();
      sounds();
      return transport.refresh();
    }

    function wipeBy(screen) {
      const move = (event) => {
        const box = screen.marks.getBoundingClientRect();
        setShare((event.clientX - box.left) / box.width);
      };
      screen.marks.addEventListener("pointerdown", (event) => { if (tool) return; screen.marks.setPointerCapture(event.pointerId); move(event); });
      screen.marks.addEventListener("pointermove", (event) => { if (!tool && event.buttons) move(event); });
    }
    function setShare(value) { share = Math.max(0, Math.min(1, value)); wipe.firstElementChild.value = share * 100; again(); }
    function again() {
      const pictures = transport._pictures(transport.shown);
      if (pictures) draw(transport.shown, pictures);
    }

    function lay() {
      const own = takes.get(focus), grid = own.sheet;
      sheet.replaceChildren();
      if (!grid) return;
      const picture = make("img", { src: grid.src, alt: `Contact sheet of ${own.label}`, draggable: "false" });
      const cells = make("div", { class: "cells" });
      cells.style.gridTemplateColumns = `repeat(${grid.columns}, 1fr)`;
      cells.style.gridTemplateRows = `repeat(${grid.rows}, 1fr)`;
      for (const frame of grid.frames) cells.append(button(String(frame), `Frame ${frame}`, () => { setView("side"); transport.go(frame); }));
      sheet.append(picture, cells);
    }

    function setView(name) {
      if (name === "context" && !around.some(Boolean)) return;
      const inside = Math.max(0, transport.frame - lead());
      view = name;
      transport.frame = Math.min(inside + lead(), length() - 1);
      return arrange();
    }

    function focusOn(id) {
      if (focus === id) return;
      focus = id;
      for (const each of labels.children) each.classList.toggle("focus", each.dataset.take === id);
      for (const each of screens) each.figure.classList.toggle("focus", each.id === id && view === "side" && chosen.length > 1);
      ticks();
      sounds();
      tellFocus();
      if (view === "context" || view === "sheet") arrange();
    }
    const tellFocus = () => element.dispatchEvent(new CustomEvent("shotbuild:choose", { bubbles: true, detail: { take: focus, takes: [...chosen] } }));

    function choose(ids) {
      const known = ids.filter((id) => takes.has(id)).slice(0, MOST);
      if (!known.length) return Promise.resolve();
      chosen = known;
      if (!chosen.includes(focus)) focus = chosen.at(-1);
      tellFocus();
      return arrange();
    }
    function toggle(id) {
      if (chosen.includes(id)) { if (chosen.length > 1) choose(chosen.filter((each) => each !== id)); else focusOn(id); return; }
      const kept = chosen.length < MOST ? chosen : chosen.slice(1);
      focus = id;
      choose(spec.takes.map((each) => each.id).filter((each) => each === id || kept.includes(each)));
    }

    function sounds() {
      for (const [id, each] of takes) each.reel.video.muted = !(loud && id === focus);
      hear.setAttribute("aria-pressed", String(loud));
    }

    let inside = [null, null];
    function range() {
      transport.first = inside[0] === null ? 0 : Math.min(inside[0] + lead(), transport.frames - 1);
      transport.last = inside[1] === null ? transport.frames - 1 : Math.min(inside[1] + lead(), transport.frames - 1);
      if (transport.last < transport.first) { inside = [null, null]; return range(); }
      const box = bar.querySelector(".range");
      box.hidden = inside[0] === null && inside[1] === null;
      box.style.left = `${(transport.first / Math.max(1, transport.frames - 1)) * 100}%`;
      box.style.right = `${100 - (transport.last / Math.max(1, transport.frames - 1)) * 100}%`;
    }
    function limit(which) {
      const now = transport.frame - lead();
      inside[which] = inside[which] === now ? null : now;
      range();
    }

    function ticks() {
      const place = bar.querySelector(".ticks");
      const whole = Math.max(1, length() - 1);
      place.replaceChildren(...notes.filter((note) => note.take === focus).slice(0, 200).map((note) => {
        const tick = button("", `${note.by}: ${note.text}`.slice(0, 300), () => transport.go(note.frames[0] + lead()), { class: "tick" });
        tick.style.left = `${((note.frames[0] + lead()) / whole) * 100}%`;
        tick.style.width = `${Math.max(0.6, ((note.frames[1] - note.frames[0]) / whole) * 100)}%`;
        return tick;
      }));
    }

    function complain() {
      const lost = [...takes.values()].filter((each) => each.reel.failed).map((each) => each.label);
      trouble.hidden = !lost.length;
      trouble.textContent = lost.length ? `${lost.join(", ")} cannot be played` : "";
    }

    const views = Object.fromEntries(VIEWS.filter(([name]) => name !== "context" || around.some(Boolean)).map(([name, text, key]) => [
      name, button(text, `${text} ( ${key} )`, () => setView(name), { "aria-pressed": "false", "aria-label": text }),
    ]));
    const labels = make("div", { class: "labels", role: "group", "aria-label": "Takes beside each other" });
    spec.takes.forEach((each, index) => {
      const key = index < 9 ? ` ( ${index + 1} )` : "";
      labels.append(button(each.label, `Show or leave out ${each.label}, ${each.state}${key}`, () => toggle(each.id), { "data-take": each.id, "aria-pressed": "false", class: each.state }));
    });
    const wipe = make("label", { class: "extra" }, "wipe ", make("input", {
      type: "range", min: 0, max: 100, value: 50, "aria-label": "Place of the wipe", oninput: (event) => setShare(event.target.value / 100),
    }));
    wipe.firstElementChild.value = 50;
    const amount = make("label", { class: "extra" }, "gain ", make("select", { onchange: (event) => { gain = Number(event.target.value); again(); } },
      ...GAINS.map((each) => make("option", { value: each, selected: each === gain }, `${each}×`))));
    const trouble = make("p", { class: "found", role: "status", hidden: true });
    const playing = button("▶", "Play ( space )", () => transport.toggle());
    const scrubber = make("input", { type: "range", min: 0, max: 1, value: 0, step: 1, class: "scrubber", "aria-label": "Frame", oninput: (event) => transport.go(Number(event.target.value)) });
    const counter = make("output", { class: "counter" });
    const hear = button("♪", "Sound of the take in focus ( m )", () => { loud = !loud; sounds(); }, { "aria-pressed": "false" });
    const looping = button("⟲", "Again from the start ( o )", () => { transport.loop = !transport.loop; looping.setAttribute("aria-pressed", String(transport.loop)); }, { "aria-pressed": "true" });
    const bar = make("div", { class: "scrub" }, make("div", { class: "range", hidden: true, "aria-hidden": "true" }), scrubber, make("div", { class: "ticks" }));
    const tools = {};
    for (const [name, sign] of [["pen", "✎"], ["box", "▭"], ["arrow", "↗"]]) {
      tools[name] = button(sign, `Draw: ${name}`, () => {
        tool = tool === name ? null : name;
        if (transport.playing) transport.go(transport.frame);
        if (tool && view === "sheet") setView("side");
        for (const each of ["pen", "box", "arrow"]) tools[each].setAttribute("aria-pressed", String(each === tool));
        stage.classList.toggle("drawing", Boolean(tool));
      }, { "aria-pressed": "false" });
    }
    tools.undo = button("↶", "Take the last mark away", () => take(false), { disabled: true });
    tools.clear = button("✕", "Take all marks away", () => take(true), { disabled: true });

    element.append(
      make("div", { class: "tools" }, labels, make("div", { class: "views", role: "group", "aria-label": "View" }, ...Object.values(views)), wipe, amount),
      trouble, stage, sheet,
      make("div", { class: "transport" },
        button("|◂", "To the start ( Home )", () => transport.go(transport.first)),
        button("◂", "One frame back ( ← )", () => transport.go(transport.frame - 1)),
        playing,
        button("▸", "One frame on ( → )", () => transport.go(transport.frame + 1)),
        bar, counter,
        button("[", "Begin of the loop here ( i )", () => limit(0)), button("]", "End of the loop here ( e )", () => limit(1)),
        looping, hear,
        make("span", { class: "draw", role: "group", "aria-label": "Draw on the frame" }, ...Object.values(tools))),
    );

    const transport = new Transport({
      frames: 1, rate, plan, draw,
      tell: () => {
        playing.textContent = transport.playing ? "❚❚" : "▶";
        playing.title = transport.playing && transport.speed !== 1 ? `Plays ${transport.speed}×` : "Play ( space )";
        element.dataset.playing = transport.playing;
      },
    });
    keys(transport, {
      ...Object.fromEntries(VIEWS.map(([name, , key]) => [key, () => { setView(name === view ? "side" : name); }])),
      ...Object.fromEntries(spec.takes.slice(0, 9).map((each, index) => [String(index + 1), () => toggle(each.id)])),
      m: () => hear.click(), o: () => looping.click(), i: () => limit(0), e: () => limit(1),
    });

    Object.assign(element, {
      go: (frame) => transport.go(frame + lead()),
      play: (speed) => transport.play(speed), pause: () => transport.go(transport.frame),
      choose, view: setView,
      marks: () => drawnOn && drawn.length ? [...drawn] : [],
      clear: () => { if (drawn.length) take(true); },
      notes: (next) => { notes = next; ticks(); again(); },
    });
    tellFocus();
    return arrange();
  }

  Shotbuild.player = player;
  for (const element of document.querySelectorAll(".player")) player(element);
})();
