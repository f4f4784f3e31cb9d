// Charts of how long answers took: data from the page itself, drawn with uPlot.
"use strict";

(() => {
  const source = document.getElementById("series");
  if (!source) return; // nothing was measured
  const data = JSON.parse(source.textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const HEIGHT = 280;
  const DAY_SECONDS = 86400;
  const long = data.times[data.times.length - 1] - data.times[0] > DAY_SECONDS;
  const WORDS = { p50: "half of all within", p95: "95 of 100 within" };

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function moment(seconds) {
    return seconds == null ? "–" : `${new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  }

  // Within a day the hour, else the day.
  function tick(seconds) {
    const text = new Date(seconds * 1000).toISOString();
    return long ? text.slice(5, 10) : text.slice(11, 16);
  }

  function options(width, lines) {
    const text = colour("--muted");
    const axis = { stroke: text, grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    const shown = (plot, value) => (value == null ? "–" : `${value.toLocaleString()} ms`);
    const series = Object.keys(lines).map((name, number) => ({
      label: WORDS[name] || name,
      stroke: colour(`--series-${number + 2}`),
      width: 2,
      value: shown,
      spanGaps: false,
      points: { show: true, size: 5 },
    }));
    return {
      width,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      series: [{ label: "time", value: (plot, seconds) => moment(seconds) }, ...series],
      scales: { y: { range: (plot, low, high) => [0, high ? high * 1.1 : 1] } },
      axes: [{ ...axis, values: (plot, ticks) => ticks.map(tick) }, { ...axis, size: 70, values: (plot, ticks) => ticks.map((tick) => `${tick} ms`) }],
    };
  }

  function draw(place) {
    const lines = data.lines[place.dataset.lines];
    place.replaceChildren();
    return new uPlot(options(place.clientWidth, lines), [data.times, ...Object.values(lines)], place);
  }

  for (const place of document.querySelectorAll("[data-lines]")) {
    let plot = draw(place);
    new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
    dark.addEventListener("change", () => {
      plot = draw(place);
    });
  }
})();
