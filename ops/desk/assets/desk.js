"use strict";
// Keys for officers who work through a list: j and k move, Enter opens, other letters press the button or link
// that carries them in data-key; in the list, the one of the row at hand.
(() => {
  const rows = Array.from(document.querySelectorAll("[data-row]"));
  const link = (row) => row.querySelector("th a");

  const current = () => rows.findIndex((row) => row.contains(document.activeElement));

  const move = (step) => {
    const at = current();
    const to = at < 0 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1);
    if (rows[to]) {
      link(rows[to]).focus();
      rows[to].scrollIntoView({ block: "nearest" });
    }
  };

  const press = (key) => {
    const at = current();
    const place = rows.length && key === "c" ? rows[at] : document;
    const target = place && place.querySelector('[data-key="' + key + '"]');
    if (target) target.click();
    return !!target;
  };

  const choose = (key) => {
    const choices = document.querySelectorAll("[data-choice]");
    const chosen = choices[Number(key) - 1];
    if (!chosen) return false;
    chosen.checked = true;
    const more = chosen.parentElement.querySelector(".extra input, .extra select");
    (more || document.getElementById("reason")).focus();
    return true;
  };

  const isTyping = (element) => /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName) && element.type !== "radio";

  // Keys without Ctrl can be turned off, for those who speak to their computer.
  const setting = "hebian-keys";
  const areOff = () => localStorage.getItem(setting) === "off";
  const toggle = document.querySelector("[data-keys]");
  const showKeys = () => document.body.classList.toggle("keys-off", areOff());
  if (toggle) {
    toggle.hidden = false;
    toggle.addEventListener("click", () => {
      localStorage.setItem(setting, areOff() ? "on" : "off");
      showKeys();
    });
  }
  showKeys();

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey || event.metaKey) return;
    if (event.ctrlKey) {
      const submit = document.querySelector("[data-submit]");
      if (event.key === "Enter" && submit) submit.click();
      return;
    }
    if (areOff() || isTyping(event.target)) return;
    const find = event.key === "/" && document.querySelector("[data-find]");
    const done = find ? (find.focus(), find.select(), true)
      : event.key === "j" ? (move(1), true)
      : event.key === "k" ? (move(-1), true)
      : /^[1-4]$/.test(event.key) ? choose(event.key)
      : /^[cnu]$/.test(event.key) && press(event.key);
    if (done) event.preventDefault();
  });

  // Paper can't be unfolded.
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));

  // Back from a case: go on where it was. Only after loading, when the browser has gone there and dropped the focus.
  const from = location.hash && rows.find((row) => "#" + row.id === location.hash);
  if (from) addEventListener("load", () => setTimeout(() => link(from).focus()));
  // What asks for attention gets the focus: a field that is wrong before the alert that says so.
  const wanted = document.querySelector("[autofocus]") || document.getElementById("alert");
  if (wanted) wanted.focus();
})();
