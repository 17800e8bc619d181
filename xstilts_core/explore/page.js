// A page of HTML from Python. Its buttons with data-key can be chosen; arrow keys move between them.
const NARROW = 640;

function render({ model, el }) {
  el.classList.add("xstilts");
  const page = document.createElement("div");
  page.className = "xs-page";
  page.setAttribute("aria-live", "polite");
  el.append(page);

  const parts = () => [...page.querySelectorAll("[data-key]")];

  function mark() {
    const pressed = model.get("pressed");
    for (const part of parts()) part.setAttribute("aria-pressed", String(part.dataset.key === pressed));
  }

  function draw() {
    const active = page.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const scrolled = [...page.querySelectorAll(".xs-scroll")].map((box) => box.scrollLeft);
    page.innerHTML = model.get("html");
    page.querySelectorAll(".xs-scroll").forEach((box, place) => (box.scrollLeft = scrolled[place] ?? 0));
    const all = parts();
    // One stop of the Tab key for all parts; the arrow keys do the rest.
    for (const part of all) part.tabIndex = -1;
    const again = all.find((part) => part.dataset.key === active);
    if (all.length) (again ?? all[0]).tabIndex = 0;
    if (again) again.focus({ preventScroll: true });
    mark();
  }

  function choose(part) {
    move(part);
    model.send({ chosen: part.dataset.key });
  }

  function move(part) {
    for (const other of parts()) other.tabIndex = -1;
    part.tabIndex = 0;
    part.focus({ preventScroll: false });
  }

  // The next part in the direction of the key, in a table by rows and columns, elsewhere one after the other.
  function neighbour(part, key) {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[key];
    const cell = part.closest("td");
    if (cell && (key === "ArrowDown" || key === "ArrowUp")) {
      let row = cell.parentElement;
      while ((row = step > 0 ? row.nextElementSibling : row.previousElementSibling)) {
        const below = row.children[cell.cellIndex]?.querySelector("[data-key]");
        if (below) return below;
      }
      return null;
    }
    const all = parts();
    return all[all.indexOf(part) + step] ?? null;
  }

  page.addEventListener("click", (event) => {
    const part = event.target.closest("[data-key]");
    if (part) choose(part);
  });
  page.addEventListener("keydown", (event) => {
    const part = event.target.closest("[data-key]");
    if (!part) return;
    // A notebook has shortcuts of its own for these keys. Enter and Space are a button's click.
    if (event.key === "Enter" || event.key === " ") event.stopPropagation();
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    event.stopPropagation();
    const next = neighbour(part, event.key);
    if (next) move(next);
  });

  let clock = null;
  function tick() {
    clearInterval(clock);
    const seconds = model.get("every");
    if (seconds > 0) clock = setInterval(() => document.hidden || model.send({ tick: true }), 1000 * seconds);
  }

  const watch = new ResizeObserver(() => {
    const width = el.clientWidth;
    const narrow = width < NARROW;
    if (width && narrow !== model.get("narrow")) {
      model.set("narrow", narrow);
      model.save_changes();
    }
  });

  model.on("change:html", draw);
  model.on("change:pressed", mark);
  model.on("change:every", tick);
  draw();
  tick();
  watch.observe(el);
  return () => {
    clearInterval(clock);
    watch.disconnect();
    model.off("change:html", draw);
    model.off("change:pressed", mark);
    model.off("change:every", tick);
  };
}

export default { render };
