// The keyboard for the suggestions of a search box: htmx brings them, arrows choose, Enter takes, Escape closes.
"use strict";

(() => {
  const input = document.getElementById("q");
  const box = document.getElementById("suggestions");
  if (!input || !box) return;
  let chosen = -1;

  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", "suggestions");
  close();

  function options() {
    return [...box.querySelectorAll("li")];
  }

  function close() {
    box.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function open() {
    const list = box.querySelector("ul");
    if (!list) return close();
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Suggestions");
    options().forEach((option, index) => {
      option.setAttribute("role", "option");
      option.id = `suggestion-${index}`;
      option.setAttribute("aria-selected", "false");
    });
    box.hidden = false;
    chosen = -1;
    input.setAttribute("aria-expanded", "true");
    input.removeAttribute("aria-activedescendant");
  }

  function choose(index) {
    const all = options();
    chosen = (index + all.length + 1) % (all.length + 1); // behind the last is the text itself
    all.forEach((option, place) => option.setAttribute("aria-selected", String(place === chosen)));
    if (chosen < all.length) input.setAttribute("aria-activedescendant", all[chosen].id);
    else input.removeAttribute("aria-activedescendant");
  }

  function take(option) {
    input.value = option.textContent.trim();
    close();
    input.form.requestSubmit();
  }

  input.addEventListener("keydown", (event) => {
    if (box.hidden) {
      if (event.key === "ArrowDown" && options().length) { event.preventDefault(); open(); choose(0); }
      return;
    }
    const all = options();
    if (event.key === "ArrowDown") { event.preventDefault(); choose(chosen < 0 ? 0 : chosen + 1); }
    else if (event.key === "ArrowUp") { event.preventDefault(); choose(chosen < 0 ? all.length - 1 : chosen - 1); }
    else if (event.key === "Escape") { event.preventDefault(); close(); }
    else if (event.key === "Enter" && all[chosen]) { event.preventDefault(); take(all[chosen]); }
  });

  // The other filters stay as they are: a suggestion is only another text.
  box.addEventListener("click", (event) => {
    const option = event.target.closest("li");
    if (option && !event.ctrlKey && !event.metaKey) { event.preventDefault(); take(option); }
  });
  box.addEventListener("mousedown", (event) => event.preventDefault()); // or the box loses the focus first
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.target === box) { if (document.activeElement === input) open(); else close(); }
  });
  input.addEventListener("blur", close);

  // An address is shared: what is not asked for stays out of it.
  input.form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
  });
})();
