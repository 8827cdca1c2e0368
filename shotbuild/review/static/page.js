// What a page does beside what it shows: filters and keys of the board, decisions, and following what happens.
"use strict";
(() => {
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const token = one('meta[name="shotbuild-token"]')?.content;

  // --- messages ---------------------------------------------------------------------------------------------------------

  function say(text, bad = false) {
    const toast = document.createElement("div");
    toast.className = bad ? "toast bad" : "toast";
    toast.textContent = text;
    for (const each of all(".toast")) if (each.textContent === text) each.remove();
    one("#toasts").append(toast);
    setTimeout(() => toast.remove(), bad ? 12000 : 5000);
  }

  async function ask(address, body) {
    const options = body === undefined ? {} : {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Shotbuild-Token": token || "" },
      body: JSON.stringify(body),
    };
    let answer;
    try {
      answer = await fetch(address, { ...options, credentials: "same-origin" });
    } catch {
      say("The server does not answer. Is `shotbuild review` still running?", true);
      return null;
    }
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) return said;
    say([said.message || `The server said ${answer.status}.`, said.cause, said.hint].filter(Boolean).join("\n"), true);
    if (answer.status === 409) refresh();
    return null;
  }

  // --- following what happens: what is marked `data-live` is replaced by what the page would show now --------------------

  let asked = 0;
  async function refresh() {
    const mine = ++asked;
    const answer = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
    if (!answer || mine !== asked) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.status >= 400) {
      const told = all(".failure > *", fresh).map((each) => each.textContent.trim()).filter(Boolean);
      return say(told.join("\n") || `The server said ${answer.status}.`, true);
    }
    const here = all(".card[data-live]").map((each) => each.id).join();
    const there = all(".card[data-live]", fresh).map((each) => each.id).join();
    if (here !== there && one("#groups", fresh)) replace(one("#groups"), one("#groups", fresh));
    for (const next of all("[data-live]", fresh)) {
      const last = document.getElementById(next.id);
      if (last) replace(last, next);
    }
    for (const id of ["decide"]) {
      const [last, next] = [document.getElementById(id), fresh.getElementById(id)];
      if (last && next) last.dataset.heads = next.dataset.heads;
    }
    document.body.dataset.version = fresh.body.dataset.version;
    document.dispatchEvent(new Event("shotbuild:fresh"));
  }

  function replace(last, next) {
    if (last.outerHTML === next.outerHTML || last.contains(document.activeElement) && last.matches("form")) return;
    const focused = last === document.activeElement ? last.id : last.contains(document.activeElement) ? document.activeElement.id : "";
    if (last.matches("details") && last.open) next.open = true;
    last.replaceWith(document.importNode(next, true));
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  // A browser keeps six connections to a server: pages that nobody looks at give theirs back.
  function follow(address) {
    let events = listen(address);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) { events?.close(); events = null; }
      else if (!events) { events = listen(address); refresh(); }
    });
  }

  function listen(address) {
    const events = new EventSource(address);
    events.addEventListener("project", (event) => {
      if (JSON.parse(event.data).version !== Number(document.body.dataset.version)) refresh();
    });
    events.addEventListener("builds", (event) => builds(JSON.parse(event.data)));
    events.addEventListener("made", (event) => {
      for (const video of JSON.parse(event.data).videos) {
        for (const picture of all(`img[src*="${video}"]`)) picture.src = picture.src;
      }
    });
    events.addEventListener("said", (event) => { const said = JSON.parse(event.data); say(said.text, said.bad); });
    let silent = 0;
    events.addEventListener("error", () => {
      if (++silent === 3) say("The server is gone. The page shows how things were.", true);
    });
    events.addEventListener("open", () => { if (silent >= 3) refresh(); silent = 0; });
    addEventListener("pagehide", () => events.close());
    return events;
  }

  let working = false;
  function builds(found) {
    const place = one("#build");
    place.replaceChildren();
    place.hidden = !found.length;
    for (const build of found.slice(0, 2)) {
      const bar = document.createElement("progress");
      bar.max = Math.max(1, build.steps);
      bar.value = build.done;
      bar.setAttribute("aria-label", `${build.command}: ${build.done} of ${build.steps} steps`);
      const text = document.createElement("span");
      text.className = "run";
      const now = build.running[0];
      text.textContent = [
        `${build.command}: ${build.left} left`,
        build.failed ? `${build.failed} failed` : "",
        now ? `${now.step} ${now.seconds} s${now.says ? ` (${now.says})` : ""}` : "",
        build.running.length > 1 ? `+${build.running.length - 1}` : "",
        build.cost,
      ].filter(Boolean).join(" · ");
      text.title = build.running.map((each) => `${each.step} ${each.seconds} s ${each.says}`).join("\n");
      place.append(bar, text);
    }
    if (working && !found.length) say("The build has ended.");
    working = found.length > 0;
  }

  // --- the board --------------------------------------------------------------------------------------------------------

  function board() {
    const form = one(".filters");
    const [search, state, sequence, tag] = ["q", "state", "sequence", "tag"].map((id) => document.getElementById(id));
    const cards = () => all(".groups .card");
    const seen = () => cards().filter((card) => !card.hidden);

    function filter() {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const card of cards()) {
        const right = (!state.value || card.dataset.state === state.value)
          && (!sequence?.value || card.dataset.sequences.split(" ").includes(sequence.value))
          && (!tag?.value || card.dataset.tags.split(" ").includes(tag.value))
          && words.every((word) => card.dataset.search.includes(word));
        card.hidden = !right;
        shown += right;
      }
      for (const group of all(".group")) group.hidden = !one(".card:not([hidden])", group);
      for (const button of all("[data-filter]")) button.setAttribute("aria-pressed", String(button.dataset.filter === state.value));
      one("#shown").textContent = shown === cards().length ? "" : `${shown} of ${cards().length}`;
      const nothing = one("#nothing");
      if (nothing) nothing.hidden = shown > 0 || !cards().length;
    }
    function remember() {
      const query = new URLSearchParams(new FormData(form));
      for (const [name, value] of [...query]) if (!value) query.delete(name);
      history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}`);
    }
    function changed() { filter(); remember(); }
    form.addEventListener("input", changed);
    form.addEventListener("submit", (event) => { event.preventDefault(); changed(); seen()[0]?.focus(); });
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-filter], #all");
      if (!button) return;
      if (button.id === "all") for (const each of [search, sequence, tag, state]) { if (each) each.value = ""; }
      else state.value = state.value === button.dataset.filter ? "" : button.dataset.filter;
      changed();
    });
    document.addEventListener("shotbuild:fresh", filter);
    filter();

    keys({
      "/": () => search.focus(),
      w: () => one("#waiting a")?.focus(),
      Escape: () => { for (const each of [search, sequence, tag, state]) if (each) each.value = ""; changed(); },
      ArrowRight: () => step(1), ArrowLeft: () => step(-1), ArrowDown: () => row(1), ArrowUp: () => row(-1),
      Home: () => seen()[0]?.focus(), End: () => seen().at(-1)?.focus(),
    });
    function step(by) {
      const shown = seen(), at = shown.indexOf(document.activeElement);
      const next = shown[at < 0 ? 0 : at + by];
      next?.focus();
      return Boolean(next);
    }
    function row(by) {
      const listed = all("#waiting a"), inList = listed.indexOf(document.activeElement);
      if (inList >= 0) { listed[inList + by]?.focus(); return true; }
      const shown = seen(), at = shown.indexOf(document.activeElement);
      if (at < 0) { if (by < 0 || !shown.length) return false; shown[0].focus(); return true; }
      const from = shown[at].getBoundingClientRect();
      const beyond = (box) => by > 0 ? box.top > from.top + 4 : box.top < from.top - 4;
      let best = null, nearest = Infinity;
      for (const card of by > 0 ? shown.slice(at + 1, at + 60) : shown.slice(Math.max(0, at - 60), at)) {
        const box = card.getBoundingClientRect();
        const far = Math.abs(box.top - from.top) * 10 + Math.abs(box.left - from.left);
        if (beyond(box) && far < nearest) { best = card; nearest = far; }
      }
      best?.focus();
      return true;
    }
  }

  // --- keys: none acts while somebody types; a key whose deed says false is left to the browser ----------------------------

  const bound = {};
  function keys(more) { Object.assign(bound, more); }
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]");
    if (event.key === "Escape" && typing) { event.target.blur(); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || one("dialog[open]")) return;
    const name = event.shiftKey && event.key.startsWith("Arrow") ? `Shift ${event.key}` : event.key;
    const act = bound[name];
    if (act && act(event) !== false) event.preventDefault();
  });

  // --- decisions --------------------------------------------------------------------------------------------------------

  const DONE = { approve: "Approved", pick: "Picked", reject: "Rejected", reopen: "Reopened", note: "Noted" };

  function shot() {
    const article = one(".shot"), form = one("#decide"), player = one("#player");
    const name = article.dataset.shot;
    let focus = "";
    function labels() {
      const spec = player && JSON.parse(one("script", player).textContent);
      return new Map((spec?.takes || []).map((take) => [take.id, take]));
    }
    const takes = labels();
    function focusOn(video) {
      if (!takes.has(video)) return;
      focus = video;
      const output = one("#focus");
      if (output) output.textContent = takes.get(video).label;
      for (const row of all("#takes tbody tr")) {
        const button = one("[data-show]", row);
        if (button) button.setAttribute("aria-pressed", String(button.dataset.show === video));
      }
    }
    const stands = one("#takes tr.stands [data-show]")?.dataset.show;
    focusOn(stands && takes.has(stands) ? stands : [...takes.keys()].at(-1));
    player?.addEventListener("shotbuild:choose", (event) => focusOn(event.detail.take));
    document.addEventListener("shotbuild:fresh", () => {
      focusOn(focus);
      const now = one("#takes")?.dataset.takes;
      if (now !== known) {
        known = now;
        const busy = player?.dataset.playing === "true" || player?.marks?.().length || one("#why")?.value;
        if (!busy) return location.reload();
        say("There are new takes. Reload the page to see them.");
      }
      try { player?.notes?.(JSON.parse(one("#notes").textContent)); } catch { /* the page is older than its notes */ }
    });
    let known = one("#takes")?.dataset.takes;

    article.addEventListener("click", (event) => {
      const go = event.target.closest("[data-go]"), show = event.target.closest("[data-show]");
      if (go) {
        if (go.dataset.take) { player?.choose?.([go.dataset.take]); focusOn(go.dataset.take); }
        player?.go?.(Number(go.dataset.go));
        player?.scrollIntoView({ block: "nearest" });
      }
      if (show) { player?.choose?.([show.dataset.show]); focusOn(show.dataset.show); player?.scrollIntoView({ block: "nearest" }); }
    });

    if (form) {
      const [why, pointed, from, to] = ["why", "pointed", "from", "to"].map((id) => document.getElementById(id));
      const point = (frame) => { from.value = to.value = frame; };
      pointed.addEventListener("change", () => { from.disabled = to.disabled = !pointed.checked; });
      player?.addEventListener("shotbuild:frame", (event) => { if (!pointed.checked) point(event.detail.frame); });
      player?.addEventListener("shotbuild:marks", (event) => {
        if (!event.detail.marks.length) return;
        pointed.checked = true;
        from.disabled = to.disabled = false;
        point(event.detail.frame);
        if (event.detail.take) focusOn(event.detail.take);
      });
      async function decide(deed) {
        if ((deed === "reject" || deed === "note") && !why.value.trim()) {
          why.focus();
          say(deed === "note" ? "A note needs a text." : "A rejection needs a reason.", true);
          return;
        }
        const marks = player?.marks?.() || [];
        const body = { shot: name, heads: form.dataset.heads.split(",").filter(Boolean) };
        if (deed !== "reopen") body.take = focus || null;
        if (why.value.trim()) body.why = why.value;
        if (pointed.checked && (deed === "note" || deed === "reject")) {
          body.frames = [Number(from.value), Math.max(Number(from.value), Number(to.value))];
          if (marks.length) body.marks = marks;
        }
        if (deed === "approve") {
          const role = one("#role");
          if (role && (role.value || role.dataset.value)) body.role = role.dataset.value || role.value;
          if (one("#keep")?.checked) body.keep = true;
        }
        for (const button of all("button", form)) button.disabled = true;
        const said = await ask(`/api/${deed}`, body);
        for (const button of all("button", form)) button.disabled = false;
        if (!said) return;
        why.value = "";
        pointed.checked = false;
        from.disabled = to.disabled = true;
        player?.clear?.();
        say(`${DONE[deed]} ${said.said || ""}`.trim() + (said.warnings?.length ? `\n${said.warnings.join("\n")}` : ""));
        why.blur();
        await refresh();
      }
      form.addEventListener("click", (event) => { const button = event.target.closest("[data-deed]"); if (button) decide(button.dataset.deed); });
      form.addEventListener("submit", (event) => event.preventDefault());
      const offered = (deed, act) => one(`[data-deed="${deed}"]`, form) ? act : () => false;
      keys({
        a: offered("approve", () => { decide("approve"); }), p: offered("pick", () => { decide("pick"); }),
        x: offered("reject", () => { why.value.trim() ? decide("reject") : why.focus(); }),
        n: offered("note", () => { why.focus(); }),
      });
    }

    const roll = one("#roll");
    if (roll) {
      const [count, told, confirm] = ["count", "priced", "confirm"].map((id) => document.getElementById(id));
      let price = null;
      const forget = () => { price = null; confirm.hidden = true; told.textContent = ""; };
      count.addEventListener("input", forget);
      one("#price").addEventListener("click", async () => {
        forget();
        const said = await ask(`/api/price?shot=${encodeURIComponent(name)}&count=${encodeURIComponent(count.value)}`);
        if (!said) return;
        told.textContent = said.says;
        if (said.possible) { price = said.price; confirm.hidden = false; confirm.textContent = said.price ? `Make them for ${said.price}` : "Make them"; confirm.focus(); }
      });
      confirm.addEventListener("click", async () => {
        confirm.disabled = true;
        const said = await ask("/api/roll", { shot: name, count: Number(count.value), price });
        confirm.disabled = false;
        if (said) { forget(); say(said.said); }
      });
      roll.addEventListener("submit", (event) => event.preventDefault());
    }
    keys({
      "Shift ArrowLeft": () => { one("#previous")?.click?.(); }, "Shift ArrowRight": () => { one("#following")?.click?.(); },
      b: () => { one(".bar .project").click(); },
    });
  }

  // --- sequences --------------------------------------------------------------------------------------------------------

  function sequence() {
    const cut = one("#cut");
    cut?.addEventListener("shotbuild:frame", (event) => {
      let now = null;
      for (const card of all("#strip [data-clip]")) {
        card.classList.remove("now");
        if (Number(card.dataset.clip) <= event.detail.frame) now = card;
      }
      now?.classList.add("now");
    });
    document.addEventListener("click", async (event) => {
      const button = event.target.closest('[data-deed="approve-sequence"]');
      if (!button) return;
      const form = button.closest("form"), role = one("#role"), why = one("#why");
      const body = { sequence: one(".sequence").dataset.sequence, heads: JSON.parse(form.dataset.heads) };
      if (role && (role.value || role.dataset.value)) body.role = role.dataset.value || role.value;
      if (why.value.trim()) body.why = why.value;
      button.disabled = true;
      const said = await ask("/api/approve-sequence", body);
      button.disabled = false;
      if (said) { document.activeElement?.blur(); say(`Approved ${said.said}`); await refresh(); }
    });
    one("#approve-sequence")?.addEventListener("submit", (event) => event.preventDefault());
    keys({ b: () => { one(".bar .project").click(); } });
  }

  // --- every page -------------------------------------------------------------------------------------------------------

  const help = one("#help");
  one("#help-open")?.addEventListener("click", () => help.showModal());
  keys({ "?": () => help.showModal() });
  // A picture that is still to be made is asked for again when it is there.
  document.addEventListener("error", (event) => {
    const picture = event.target, tries = Number(picture.dataset?.tries || 0);
    if (!picture.matches?.("img.thumb") || tries >= 8) return;
    picture.dataset.tries = tries + 1;
    setTimeout(() => { picture.src = picture.src; }, 1500 * 1.6 ** tries);
  }, true);
  document.addEventListener("click", (event) => {
    for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  if (one(".board")) board();
  if (one(".shot")) shot();
  if (one(".sequence")) sequence();
  if (document.body.dataset.liveEvents) follow(document.body.dataset.liveEvents);
})();
