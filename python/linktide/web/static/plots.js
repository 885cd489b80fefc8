// Draws every [data-plot] with uPlot: what is plotted stands in the page, how it looks in its style sheet.
"use strict";
(() => {
  const drawn = new Map();
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const written = (value) => (value == null ? "–" : Math.abs(value).toLocaleString("en", { maximumFractionDigits: 1 }));

  function dated(seconds, step) {
    const at = new Date(seconds * 1000);
    const told = (parts) => at.toLocaleString("en", { timeZone: "UTC", ...parts });
    if (step < 86400) return told({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    return step < 26 * 86400 ? told({ month: "short", day: "numeric" }) : told({ month: "short", year: "numeric" });
  }

  function series(told) {
    const colour = style(told.tone);
    const base = { label: told.label, stroke: colour, width: 2, points: { show: false }, value: (_, value) => written(value) };
    switch (told.kind) {
      case "bars":
        return { ...base, width: 0, fill: colour, paths: uPlot.paths.bars({ size: [0.75, 28], radius: 0.15 }) };
      case "band":
        return { ...base, width: 1, dash: [4, 3], ...(told.is_stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}) };
      case "step":
        return { ...base, paths: uPlot.paths.stepped({ align: 1 }) };
      case "area":
        return { ...base, fill: style(`${told.tone}-faint`) };
      default:
        return base;
    }
  }

  function options(told, box) {
    const isSpark = Boolean(told.is_spark);
    // Room for half a bar at both ends.
    const hasBars = told.series.some((one) => one.kind === "bars");
    const beside = isSpark ? 0.6 : 43200;
    const axis = {
      stroke: style("muted"),
      grid: { stroke: style("line"), width: 1 },
      ticks: { stroke: style("line"), width: 1 },
      font: "12px system-ui, sans-serif",
    };
    const bands = told.series.map((one, at) => (one.kind === "band" ? at + 1 : 0)).filter(Boolean);
    return {
      width: Math.max(60, Math.floor(box.clientWidth)),
      height: isSpark ? 36 : 240,
      padding: isSpark ? [2, 0, 2, 0] : [12, 22, 0, 0],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      cursor: isSpark ? { show: false } : { points: { size: 7 }, drag: { x: true, y: false } },
      legend: { show: !isSpark },
      scales: {
        x: { time: !isSpark && !told.is_number, ...(hasBars ? { range: (_, low, high) => [low - beside, high + beside] } : {}) },
        y: { range: (_, low, high) => around(told, low, high) },
      },
      axes: isSpark
        ? [{ show: false }, { show: false }]
        : [{ ...axis, values: (_, ticks, __, ___, step) => ticks.map((at) => (told.is_number ? written(at) : dated(at, step))) }, { ...axis, size: 52, values: (_, ticks) => ticks.map(written) }],
      series: [
        told.is_number
          ? { label: told.x_label, value: (_, value) => written(value) }
          : { label: "Time", value: (_, seconds) => (seconds == null ? "–" : new Date(seconds * 1000).toISOString().slice(0, told.has_time ? 16 : 10).replace("T", " ")) },
        ...told.series.map(series),
      ],
      bands: bands.length === 2 ? [{ series: bands, fill: style("muted-faint") }] : [],
    };
  }

  // Zero is in sight where bars stand on it or an area is filled down to it.
  function around(told, low, high) {
    if (low == null) return [0, 1];
    const stands = told.has_zero || told.series.some((one) => one.kind === "bars" || one.kind === "area");
    const least = stands ? Math.min(0, low) : low;
    const most = stands ? Math.max(0, high) : high;
    const room = (most - least || 1) * 0.08;
    return [least < 0 || !stands ? least - room : 0, most + room];
  }

  function draw(box) {
    drawn.get(box)?.destroy();
    const told = JSON.parse(box.dataset.plot);
    drawn.set(box, new uPlot(options(told, box), [told.x, ...told.series.map((one) => one.values)], box));
  }

  const boxes = () => document.querySelectorAll("[data-plot]");
  const resized = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const plot = drawn.get(target);
      const width = Math.max(60, Math.floor(contentRect.width));
      if (plot && plot.width !== width) plot.setSize({ width, height: plot.height });
    }
  });

  // Draws what is new in a part of the page; what has left it is given up.
  function drawAll(root) {
    for (const [box, plot] of drawn) {
      if (box.isConnected) continue;
      resized.unobserve(box);
      plot.destroy();
      drawn.delete(box);
    }
    for (const box of root.querySelectorAll("[data-plot]")) {
      draw(box);
      resized.observe(box);
    }
  }

  drawAll(document);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => boxes().forEach(draw));
  globalThis.linktidePlots = { draw: drawAll };
})();
