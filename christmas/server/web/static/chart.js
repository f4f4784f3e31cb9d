// The prices of a piece: one line for each shop as steps, stock-outs shaded, and from a point to the run that read it.
"use strict";

(() => {
  const place = document.getElementById("chart");
  const source = document.getElementById("prices");
  if (!place || !source || typeof uPlot === "undefined") return;
  const data = JSON.parse(source.textContent);
  const lines = data.lines;
  const points = lines.flatMap((line, index) => line.steps.map((step) => ({ ...step, shop: line.shop, index })))
    .sort((a, b) => a.at - b.at || a.index - b.index);
  if (!points.some((point) => point.minor !== null)) {
    place.textContent = "No price has been read yet.";
    return;
  }
  const HEIGHT = 340;
  const unit = 10 ** data.decimals;
  const opens = points.some((point) => point.job);
  const axisMoney = new Intl.NumberFormat("en-US", { style: "currency", currency: data.currency, maximumFractionDigits: data.decimals, minimumFractionDigits: 0 });

  // All lines share one row of times; between two of its own steps a line keeps its value.
  // The chart ends now; of what was seen only just now it shows a minute.
  const end = Math.max(data.until, points.at(-1).at);
  const first = Math.min(points[0].at, end - 60);
  const span = end - first;
  const ends = lines.map((line) => line.ended ?? Infinity);
  const times = [...new Set([...points.map((point) => point.at), ...ends.filter(Number.isFinite), end])].sort((a, b) => a - b);
  const columns = lines.map((line, index) => {
    let next = 0;
    let value = null;
    return times.map((at) => {
      while (next < line.steps.length && line.steps[next].at <= at) value = line.steps[next++].minor;
      return at > ends[index] ? null : value;
    });
  });

  let plot = null;
  let current = -1;
  const tip = element("div", "tip");
  const dot = element("div", "dot");
  const spoken = element("div", "hidden-text");
  tip.hidden = dot.hidden = true;
  spoken.setAttribute("aria-live", "polite");
  place.after(spoken, legend());
  place.tabIndex = 0;
  place.setAttribute("role", "application");
  place.setAttribute("aria-roledescription", "chart");
  place.setAttribute("aria-label", `Prices of ${place.dataset.title}. Arrow keys go from one change to the next`
    + `${opens ? ", Enter opens the run that read it" : ""}. The table below has the same.`);
  if (opens) place.classList.add("opens");

  function axisTime(seconds, step) {
    const day = 86400;
    const parts = step >= 300 * day ? { year: "numeric" } : step >= 28 * day ? { month: "short", year: "numeric" }
      : step >= day ? { month: "short", day: "numeric" }
      : { hour: "2-digit", minute: "2-digit", ...(step < 60 && { second: "2-digit" }), hourCycle: "h23" };
    return new Date(seconds * 1000).toLocaleString("en-US", parts);
  }

  function element(name, kind) {
    const made = document.createElement(name);
    made.className = kind;
    return made;
  }

  function legend() {
    const list = element("ul", "legend");
    lines.forEach((line, index) => {
      const item = element("li", `series-${index % 6 + 1}`);
      const text = document.createElement("span");
      text.textContent = line.shop;
      item.append(text);
      list.append(item);
    });
    const shaded = element("li", "muted");
    const text = document.createElement("span");
    text.textContent = "shaded: sold out";
    shaded.append(text);
    list.append(shaded);
    return list;
  }

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function shade(chart) {
    const { ctx, bbox } = chart;
    const bottom = bbox.top + bbox.height;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    lines.forEach((line, index) => {
      ctx.fillStyle = colour(`--series-${index % 6 + 1}`);
      line.steps.forEach((step, number) => {
        if (!step.out) return;
        const left = chart.valToPos(step.at, "x", true);
        const right = chart.valToPos(line.steps[number + 1]?.at ?? Math.min(ends[index], end), "x", true);
        const top = step.minor === null ? bottom - 14 * devicePixelRatio : chart.valToPos(step.minor, "y", true);
        ctx.globalAlpha = 0.16;
        ctx.fillRect(left, top, right - left, bottom - top);
      });
    });
    ctx.restore();
  }

  function options() {
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    return {
      width: Math.max(place.clientWidth, 200),
      height: HEIGHT,
      legend: { show: false },
      cursor: { points: { show: false }, drag: { x: false, y: false }, y: false },
      scales: {
        x: { time: true, range: [first - span * 0.01, end + span * 0.01] },
        y: { range: (_, low, high) => [Math.max(0, low - (high - low || high) * 0.15), (high + (high - low || high) * 0.12) || 1] },
      },
      axes: [
        { ...axis, space: 70, values: (_, values, index, space, step) => values.map((value) => axisTime(value, step)) },
        { ...axis, size: 64, values: (_, values) => values.map((value) => axisMoney.format(value / unit)) },
      ],
      series: [{}, ...lines.map((line, index) => ({
        label: line.shop,
        stroke: colour(`--series-${index % 6 + 1}`),
        width: 2.5,
        spanGaps: false,
        paths: uPlot.paths.stepped({ align: 1 }),
        points: { show: false },
      }))],
      hooks: {
        drawAxes: [shade],
        draw: [drawPoints],
      },
    };
  }

  // A point where something was read of that shop, and only there: the shared times belong to all shops.
  function drawPoints(chart) {
    const { ctx } = chart;
    ctx.save();
    for (const point of points) {
      const [x, y] = position(chart, point, true);
      ctx.beginPath();
      ctx.arc(x, y, 3.5 * devicePixelRatio, 0, 2 * Math.PI);
      ctx.fillStyle = point.out ? colour("--surface") : colour(`--series-${point.index % 6 + 1}`);
      ctx.strokeStyle = colour(`--series-${point.index % 6 + 1}`);
      ctx.lineWidth = 2 * devicePixelRatio;
      ctx.fill();
      ctx.stroke();
    }
    ctx.restore();
  }

  function position(chart, point, canvas) {
    const bottom = canvas ? chart.bbox.top + chart.bbox.height : chart.bbox.height / devicePixelRatio;
    return [
      chart.valToPos(point.at, "x", canvas),
      point.minor === null ? bottom - 7 * (canvas ? devicePixelRatio : 1) : chart.valToPos(point.minor, "y", canvas),
    ];
  }

  function show(index, speak) {
    current = index;
    const point = points[index];
    tip.hidden = dot.hidden = !point;
    if (!point) return;
    const [x, y] = position(plot, point, false);
    const left = x + plot.over.offsetLeft;
    const top = y + plot.over.offsetTop;
    const text = `${point.shop}\n${point.text}, ${point.stock}\n${point.when}`;
    tip.textContent = point.job ? `${text}\nopens the run that read it` : text;
    dot.style.left = `${left}px`;
    dot.style.top = `${top}px`;
    tip.style.left = `${Math.min(Math.max(left - tip.offsetWidth / 2, 0), place.clientWidth - tip.offsetWidth)}px`;
    tip.style.top = `${top > tip.offsetHeight + 16 ? top - tip.offsetHeight - 12 : top + 14}px`;
    if (speak) spoken.textContent = text.replaceAll("\n", ", ");
  }

  function nearest(event) {
    const box = plot.over.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best = -1;
    let least = 60 ** 2;
    points.forEach((point, index) => {
      const [left, top] = position(plot, point, false);
      const distance = (left - x) ** 2 + (top - y) ** 2;
      if (distance < least) [best, least] = [index, distance];
    });
    return best;
  }

  function openRun(point) {
    if (point?.job) location.assign(`/operations/jobs/${encodeURIComponent(point.job)}`);
  }

  function draw() {
    plot?.destroy();
    plot = new uPlot(options(), [times, ...columns], place);
    place.append(dot, tip);
    plot.over.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse") show(nearest(event), false); });
    plot.over.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") show(-1, false); });
    plot.over.addEventListener("click", (event) => {
      const index = nearest(event);
      const seen = event.pointerType !== "touch" || index === current; // a first tap shows what a second one opens
      show(index, true);
      if (seen) openRun(points[index]);
    });
  }

  place.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: current + 1, ArrowLeft: current - 1, Home: 0, End: points.length - 1 };
    if (event.key in steps) {
      event.preventDefault();
      const wanted = event.key === "ArrowLeft" && current < 0 ? points.length - 1 : steps[event.key];
      show(Math.min(Math.max(wanted, 0), points.length - 1), true);
    } else if (event.key === "Enter") openRun(points[current]);
    else if (event.key === "Escape") show(-1, false);
  });
  place.addEventListener("blur", () => show(-1, false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => plot?.setSize({ width: Math.max(place.clientWidth, 200), height: HEIGHT })).observe(place);
  draw();
})();
