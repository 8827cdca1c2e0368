// A sequence as it stands, played from the takes that stand for its shots: trims, holds, dissolves, wipes and overlays as the
// cut has them, each frame of it made of the frames that belong there.
"use strict";
(() => {
  const { Reel, Transport, timecode, make, button, keys } = Shotbuild;
  const OFF = 0.12;  // seconds that the sound may be away from the picture

  function cut(element) {
    const spec = JSON.parse(element.querySelector("script").textContent);
    const rate = spec.rate[0] / spec.rate[1];
    const [width, height] = spec.size;
    const starts = [];
    let total = 0;
    for (const stretch of spec.stretches) { starts.push(total); total += stretch.frames; }
    const reels = new Map();

    function reel(id) {
      if (!reels.has(id)) {
        const media = spec.media[id];
        const found = new Reel(media.src, media.frames, media.rate[0] / media.rate[1]);
        found.onfail = () => transport.refresh();
        reels.set(id, found);
      }
      return reels.get(id);
    }

    function where(frame) {
      let low = 0, high = starts.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (starts[middle] <= frame) low = middle; else high = middle - 1;
      }
      return { stretch: spec.stretches[low], inside: frame - starts[low] };
    }

    // The runs of a picture, in the order in which they are drawn. `step`: frames of the film to a frame of the cut.
    function runs(picture, inside, found = []) {
      if ("run" in picture) {
        const at = picture.start + (picture.held ? 0 : inside);
        const frame = picture.step ? Math.floor((at * picture.step[0]) / picture.step[1]) : at;
        found.push({ reel: picture.run ? reel(picture.run) : null, frame, still: picture.held });
      } else if (picture.blend) picture.blend.forEach((each) => runs(each, inside, found));
      else if (picture.over) picture.over.forEach((each) => runs(each, inside, found));
      return found;
    }

    function plan(frame) {
      const { stretch, inside } = where(frame);
      return runs(stretch.picture, inside);
    }

    // --- what is drawn ----------------------------------------------------------------------------------------------------

    const canvas = make("canvas", { role: "img", "aria-label": "The cut", width: Math.min(960, width), height: Math.round((Math.min(960, width) * height) / width) });
    const layers = [];
    function layer(depth) {
      layers[depth] = layers[depth] || make("canvas", {});
      Object.assign(layers[depth], { width: canvas.width, height: canvas.height });
      return layers[depth];
    }

    function paint(picture, inside, pictures, onto, depth) {
      const context = onto.getContext("2d");
      const { width: wide, height: high } = onto;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.globalAlpha = 1;
      context.fillStyle = picture.slug || "#000";
      context.fillRect(0, 0, wide, high);
      if ("run" in picture) {
        const image = pictures.shift();
        if (image) {
          const scale = Math.min(wide / image.width, high / image.height);
          const [w, h] = [image.width * scale, image.height * scale];
          context.drawImage(image, (wide - w) / 2, (high - h) / 2, w, h);
        } else slate(context, picture.shot);
      } else if (picture.blend) {
        const part = (picture.at + inside + 1) / (picture.of + 1);
        paint(picture.blend[0], inside, pictures, onto, depth + 1);
        const other = layer(depth);
        paint(picture.blend[1], inside, pictures, other, depth + 1);
        context.save();
        if (picture.form) { context.beginPath(); wiped(context, picture.form, part, wide, high); context.clip(); } else context.globalAlpha = part;
        context.drawImage(other, 0, 0);
        context.restore();
      } else if (picture.over) {
        paint(picture.over[0], inside, pictures, onto, depth + 1);
        const top = layer(depth);
        paint(picture.over[1], inside, pictures, top, depth + 1);
        const at = picture.at + inside;
        const fade = Math.min(1, picture.fade_in ? (at + 1) / (picture.fade_in + 1) : 1, picture.fade_out ? (picture.of - at) / (picture.fade_out + 1) : 1);
        const w = wide * picture.width, h = high * picture.width;
        context.save();
        context.globalAlpha = picture.opacity * Math.max(0, fade);
        context.drawImage(top, wide * picture.left - w / 2, high * picture.top - h / 2, w, h);
        context.restore();
      }
    }

    function wiped(context, form, part, wide, high) {
      if (/right$/.test(form)) context.rect(0, 0, wide * part, high);
      else if (/up$/.test(form)) context.rect(0, high * (1 - part), wide, high * part);
      else if (/down$/.test(form)) context.rect(0, 0, wide, high * part);
      else if (form === "circle") context.arc(wide / 2, high / 2, (Math.hypot(wide, high) / 2) * part, 0, 7);
      else if (form === "clock") {
        context.moveTo(wide / 2, high / 2);
        context.arc(wide / 2, high / 2, Math.hypot(wide, high), -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * part);
        context.closePath();
      } else if (form === "diagonal") {
        const reach = (wide + high) * part;
        context.moveTo(0, 0);
        context.lineTo(reach, 0);
        context.lineTo(0, reach);
        context.closePath();
      }
      else context.rect(wide * (1 - part), 0, wide * part, high);
    }

    function slate(context, shot) {
      const { width: wide, height: high } = context.canvas;
      context.fillStyle = "#23282e";
      context.fillRect(0, 0, wide, high);
      context.fillStyle = "#c6cdd5";
      context.textAlign = "center";
      context.font = `${Math.round(high / 12)}px system-ui, sans-serif`;
      context.fillText(shot, wide / 2, high / 2);
      context.font = `${Math.round(high / 24)}px system-ui, sans-serif`;
      context.fillText("no take here", wide / 2, high / 2 + high / 12);
    }

    function draw(frame, pictures) {
      const { stretch, inside } = where(frame);
      paint(stretch.picture, inside, [...pictures], canvas, 0);
      canvas.getContext("2d").setTransform(1, 0, 0, 1, 0, 0);
      titles.textContent = (stretch.titles || []).join(" · ");
      titles.hidden = !titles.textContent;
      element.dataset.frame = canvas.dataset.frame = frame;
      scrubber.value = frame;
      const code = timecode(frame + spec.start, rate);
      scrubber.setAttribute("aria-valuetext", `${clipAt(frame)?.shot || ""} ${code}`);
      counter.textContent = `${frame} · ${code}`;
      const now = spec.clips.indexOf(clipAt(frame));
      for (const [index, block] of [...strip.children].entries()) block.classList.toggle("now", index === now);
      keep(frame);
      element.dispatchEvent(new CustomEvent("shotbuild:frame", { bubbles: true, detail: { frame, shot: clipAt(frame)?.shot || null } }));
    }

    // --- sound ------------------------------------------------------------------------------------------------------------

    const sound = spec.sound ? make("audio", { src: spec.sound, preload: "auto" }) : null;
    let loud = true;
    function keep(frame) {
      if (!sound) return;
      if (!transport.playing || transport.speed < 0 || !loud) { sound.pause(); return; }
      if (Math.abs(sound.currentTime - frame / rate) > OFF) sound.currentTime = frame / rate;
      sound.playbackRate = transport.speed;
      if (sound.paused) sound.play().catch(() => {});
    }

    // --- the parts of the page --------------------------------------------------------------------------------------------

    const clipAt = (frame) => spec.clips.findLast((clip) => clip.from <= frame && frame < clip.to) || null;
    const strip = make("div", { class: "blocks" });
    for (const clip of spec.clips) {
      const block = button("", `${clip.shot}, ${clip.says}`, () => transport.go(clip.from), { class: clip.state });
      block.append(make("span", { class: "sign", "aria-hidden": "true" }, clip.sign), make("span", { class: "label" }, clip.shot));
      block.style.left = `${(clip.from / spec.frames) * 100}%`;
      block.style.width = `${((clip.to - clip.from) / spec.frames) * 100}%`;
      strip.append(block);
    }
    const titles = make("p", { class: "titles", hidden: true });
    const playing = button("▶", "Play ( space )", () => transport.toggle());
    const scrubber = make("input", { type: "range", min: 0, max: spec.frames - 1, value: 0, step: 1, class: "scrubber", "aria-label": "Frame of the cut", oninput: (event) => transport.go(Number(event.target.value)) });
    const counter = make("output", { class: "counter" });
    const looping = button("⟲", "Again from the start ( o )", () => { transport.loop = !transport.loop; looping.setAttribute("aria-pressed", String(transport.loop)); }, { "aria-pressed": "false" });
    const hear = button("♪", "Sound ( m )", () => { loud = !loud; hear.setAttribute("aria-pressed", String(loud)); keep(transport.frame); }, { "aria-pressed": "true" });
    if (!sound) { hear.disabled = true; hear.title = "The mix is not made yet: `shotbuild build` makes it"; }
    const clip = (by) => {
      const now = spec.clips.indexOf(clipAt(transport.frame));
      const next = spec.clips[Math.max(0, Math.min(spec.clips.length - 1, by < 0 && spec.clips[now] && transport.frame > spec.clips[now].from ? now : now + by))];
      if (next) transport.go(next.from);
    };
    element.append(
      make("div", { class: "screens", "data-count": 1 }, make("figure", {}, make("div", { class: "screen" }, canvas, titles))),
      make("div", { class: "transport" },
        button("|◂", "To the start ( Home )", () => transport.go(0)),
        button("◂", "One frame back ( ← )", () => transport.go(transport.frame - 1)),
        playing,
        button("▸", "One frame on ( → )", () => transport.go(transport.frame + 1)),
        make("div", { class: "scrub" }, scrubber, strip), counter, looping, hear),
    );

    const transport = new Transport({
      frames: spec.frames, rate, plan, draw,
      tell: () => {
        playing.textContent = transport.playing ? "❚❚" : "▶";
        element.dataset.playing = transport.playing;
        keep(transport.frame);
      },
    });
    transport.loop = false;
    keys(transport, {
      "[": () => clip(-1), "]": () => clip(1), o: () => looping.click(), m: () => hear.click(),
      Enter: () => { const now = clipAt(transport.frame); if (!now || document.activeElement.closest("a, button")) return false; location.href = now.href; },
    });
    Object.assign(element, { go: (frame) => transport.go(frame), play: (speed) => transport.play(speed), pause: () => transport.go(transport.frame) });
    return transport.go(0);
  }

  Shotbuild.cut = cut;
  for (const element of document.querySelectorAll(".cut")) cut(element);
})();
