// Keeps the page up to date: asks for it again every few seconds, and changes what has changed. Without this script the page reloads itself.
"use strict";
(() => {
  // The address without the credentials that it may hold: fetch refuses those. The browser sends them all the same.
  const address = location.origin + location.pathname + location.search;
  const main = document.getElementById("main");
  const connection = document.getElementById("connection");
  const announcement = document.getElementById("announcement");
  const button = document.getElementById("pause");
  const patience = 15000;
  let paused = false;
  let timer = 0;
  let asking = false;

  // Makes one node like another, and keeps what is alike, so that the focus, a selection and what is scrolled stay.
  function sync(from, to) {
    if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName || from.id !== to.id) {
      from.replaceWith(to.cloneNode(true));
      return;
    }
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.data !== to.data) from.data = to.data;
      return;
    }
    // What the reader has opened stays open.
    for (const name of from.getAttributeNames()) if (!to.hasAttribute(name) && name !== "open") from.removeAttribute(name);
    for (const name of to.getAttributeNames()) {
      if (from.getAttribute(name) !== to.getAttribute(name)) from.setAttribute(name, to.getAttribute(name));
    }
    syncChildren(from, to);
  }

  function syncChildren(from, to) {
    const wanted = [...to.childNodes];
    // A section that has gone must not shift those below it.
    for (const child of [...from.children]) {
      if (child.id && !wanted.some((node) => node.id === child.id)) child.remove();
    }
    wanted.forEach((node, i) => {
      const present = from.childNodes[i];
      if (!present) from.append(node.id ? keep(from, node) : node.cloneNode(true));
      else if (node.id ? node.id !== present.id : present.id) from.insertBefore(node.id ? keep(from, node) : node.cloneNode(true), present);
      else sync(present, node);
    });
    while (from.childNodes.length > wanted.length) from.lastChild.remove();
  }

  // The section of the same name, made like the new one; where there is none, a copy.
  function keep(parent, node) {
    const known = [...parent.children].find((child) => child.id === node.id);
    if (!known) return node.cloneNode(true);
    sync(known, node);
    return known;
  }

  function show(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const next = page.getElementById("main");
    if (!next) throw new Error("the answer is not the page");
    // A screen reader is told of one thing: that a scaling has begun, or ended.
    const headline = next.dataset.headline;
    if (headline !== main.dataset.headline && headline) announcement.textContent = headline;
    document.title = page.title;
    sync(main, next);
    say("As of " + main.dataset.clock, false);
  }

  function say(text, lost) {
    if (connection.textContent !== text) connection.textContent = text;
    document.documentElement.classList.toggle("lost", lost);
  }

  async function ask() {
    if (asking || paused || document.hidden) return;
    asking = true;
    clearTimeout(timer);
    try {
      const answer = await fetch(address, { cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(patience) });
      if (answer.status === 401) throw new Error("The token has changed: reload the page");
      if (!answer.ok) throw new Error("The server answers " + answer.status);
      const text = await answer.text();
      if (!paused) show(text);
    } catch (problem) {
      const reason = problem instanceof TypeError || problem.name === "TimeoutError" ? "No answer" : problem.message;
      if (!paused) say(reason + "; this is as of " + main.dataset.clock, true);
    } finally {
      asking = false;
      timer = setTimeout(ask, Number(main.dataset.refresh));
    }
  }

  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    if (paused) say("Paused as of " + main.dataset.clock, false);
    else ask();
  });
  document.addEventListener("visibilitychange", ask);
  button.hidden = false;
  timer = setTimeout(ask, Number(main.dataset.refresh));
})();
