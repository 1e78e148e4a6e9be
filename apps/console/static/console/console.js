/* Keeps the status bar true between page loads and opens the halt page by ⇧H.
   Everything works without it: the bar is right when the page comes, and halting is a form. */
(() => {
  "use strict";
  const EVERY_MS = 5000;
  const LOST_AFTER_MS = 15000;
  const TIMEOUT_MS = 4000;
  let lastGood = Date.now();

  const two = (number) => String(number).padStart(2, "0");
  const timeOf = (ms) => {
    const at = new Date(ms);
    return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  };

  const replaceBar = (text) => {
    const next = new DOMParser().parseFromString(text, "text/html");
    for (const id of ["status", "banner"]) {
      const fresh = next.getElementById(id);
      const old = document.getElementById(id);
      if (!fresh || !old) return false;
      if (fresh.isEqualNode(old)) continue;
      const focused = old.contains(document.activeElement) ? document.activeElement.className : "";
      old.replaceWith(document.adoptNode(fresh));
      if (focused) fresh.getElementsByClassName(focused)[0]?.focus({ preventScroll: true });
    }
    return true;
  };

  const renewTitle = () => {
    const words = document.getElementById("status").dataset.title;
    const page = document.title.includes(" | ") ? document.title.split(" | ").pop() : document.title;
    document.title = `${words} | ${page}`;
  };

  const showLost = () => {
    document.getElementById("status").classList.add("lost");
    const band = document.getElementById("banner");
    band.className = "band bad";
    band.hidden = false;
    band.textContent =
      `This page cannot reach JaxBroker since ${timeOf(lastGood)}. It may still be trading. Halt by: manage.py kill`;
  };

  const renew = async (url) => {
    try {
      const answer = await fetch(url, {
        credentials: "same-origin",
        redirect: "error",
        cache: "no-store",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (!answer.ok || !replaceBar(await answer.text())) throw new Error("no bar");
      lastGood = Date.now();
      renewTitle();
    } catch {
      if (Date.now() - lastGood >= LOST_AFTER_MS) showLost();
    }
  };

  const bar = document.getElementById("status");
  if (bar) {
    const url = bar.dataset.url;
    setInterval(() => renew(url), EVERY_MS);
    document.addEventListener("visibilitychange", () => document.hidden || renew(url));
    renewTitle();
  }

  const ageOf = (seconds) =>
    seconds < 60 ? `${Math.floor(seconds)} s` : `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  const looked = document.querySelectorAll("[data-looked]");
  if (looked.length) {
    setInterval(() => {
      for (const element of looked) element.textContent = `looked ${ageOf(performance.now() / 1000)} ago`;
    }, 1000);
  }

  const isField = (element) => element.matches?.("input, textarea, select, [contenteditable=true]");
  document.addEventListener("keydown", (event) => {
    if (event.code !== "KeyH" || !event.shiftKey || event.altKey || event.ctrlKey) return;
    if (isField(event.target) && !event.metaKey) return;
    const halt = document.querySelector(".halt:not(.ask)");
    if (!halt) return;
    event.preventDefault();
    window.location.assign(halt.href);
  });

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
      button.textContent = "Copied";
    });
  }
})();
