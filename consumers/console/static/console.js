// Keeps what is marked data-live like the server's, says how old it is, and never moves what somebody is looking at.
"use strict";
(() => {
  const bar = document.getElementById("trust");
  const more = document.getElementById("more");
  let waiting = 0, timer = null, busy = false, again = false;

  const held = () => {
    const main = document.getElementById("content");
    const inside = document.activeElement && document.activeElement !== document.body && main.contains(document.activeElement);
    return inside || main.matches(":hover") && matchMedia("(hover: hover)").matches;
  };

  async function renew() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { "X-Live": "1" }, credentials: "same-origin" });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      swap("trust", page);
      if (held()) { waiting += 1; show(); } else { waiting = 0; swapLive(page); show(); }
    } catch { lost(); }
    busy = false;
    if (again) { again = false; soon(); }
  }

  function swap(id, page) {
    const there = document.getElementById(id), fresh = page.getElementById(id);
    if (there && fresh && there.outerHTML !== fresh.outerHTML) { there.className = fresh.className; there.replaceChildren(...fresh.childNodes); Object.assign(there.dataset, fresh.dataset); }
  }
  function swapLive(page) { for (const each of document.querySelectorAll("[data-live]")) swap(each.id, page); }
  function show() { if (!more) return; more.hidden = waiting === 0; if (waiting) more.textContent = "Something changed: show it"; }
  function soon() { clearTimeout(timer); timer = setTimeout(renew, 250); }

  function lost() {
    bar.classList.add("stale");
    const said = bar.querySelector("[data-lost]");
    if (said) said.hidden = false;
  }

  function age() {
    const at = Number(bar.dataset.asOf || 0), said = bar.querySelector("[data-age]");
    if (!at || !said) return;
    const seconds = Math.max(0, Math.round((Date.now() - at) / 1000));
    said.textContent = seconds < 120 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`;
    if (seconds > Number(bar.dataset.staleAfter)) { bar.classList.add("stale"); const old = bar.querySelector("[data-old]"); if (old) old.hidden = false; }
  }

  if (more) more.addEventListener("click", async () => {
    document.activeElement.blur();
    const answer = await fetch(location.href, { headers: { "X-Live": "1" } });
    swapLive(new DOMParser().parseFromString(await answer.text(), "text/html"));
    waiting = 0; show();
  });
  if (document.body.dataset.stream === "1") {
    const stream = new EventSource("/live");
    stream.addEventListener("change", soon);
    stream.onerror = lost;
    stream.onopen = soon;
  }
  setInterval(age, 1000);

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const links = [...document.querySelectorAll("ol.alerts a[data-alert]")], at = links.indexOf(document.activeElement);
    if (event.key === "j" && links.length) links[Math.min(at + 1, links.length - 1)].focus();
    if (event.key === "k" && links.length) links[Math.max(at - 1, 0)].focus();
    if (event.key === "a") document.getElementById("acknowledge")?.focus();
    if (event.key === "n") { document.getElementById("note")?.focus(); event.preventDefault(); }
  });
})();
