// Time lines can be looked into: the same numbers as the drawings have, by uPlot. Without this the page is complete.
(function () {
  "use strict";
  var data = document.getElementById("courses");
  if (!data || typeof uPlot !== "function") return;

  function tone(name) {
    return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  }
  function three(v) {
    return Math.abs(v) >= 100 ? Math.round(v).toLocaleString("en").replace(/,/g, "\u00a0") : String(+v.toPrecision(3));
  }
  function scaled(v, units, step) {
    var i = 0;
    while (i < units.length - 1 && Math.abs(v) >= step * 0.9995) { v /= step; i++; }
    return three(v) + "\u00a0" + units[i];
  }
  var tell = {
    duration: function (v) { return scaled(v, ["ns", "µs", "ms", "s"], 1000); },
    bytes: function (v) { return scaled(v, ["B", "kB", "MB", "GB"], 1000); },
    rate: function (v) { return three(v) + "/s"; },
    number: three
  };

  function options(zoom, panel, width) {
    var say = function (v) { return v == null ? "–" : tell[panel.unit](v); };
    var axis = { stroke: tone("faint"), grid: { stroke: tone("rule"), width: 1 }, ticks: { stroke: tone("rule"), width: 1 } };
    var few = panel.x.length <= 30;
    return {
      title: panel.title, width: width, height: 190,
      cursor: { sync: { key: zoom.name }, drag: { x: true, y: false } },
      scales: { x: { time: false }, y: panel.log ? { distr: 3 } : { range: function (u, low, high) { return [Math.min(0, low), high > 0 ? high * 1.06 : 1]; } } },
      axes: [
        Object.assign({ values: function (u, all) { return all.map(function (v) { return +v.toFixed(2) + " s"; }); } }, axis),
        Object.assign({ size: 66, values: function (u, all) { return all.map(function (v) { return v == null ? "" : say(v); }); } }, axis)
      ],
      series: [{ label: "at", value: function (u, v) { return v == null ? "–" : three(v) + " s"; } }].concat(panel.series.map(function (s) {
        return { label: s.label, stroke: tone(s.tone), width: 1.5, dash: s.dash, points: { show: few, size: 5, fill: tone("paper") }, value: function (u, v) { return say(v); } };
      })),
      hooks: {
        drawClear: [function (u) {
          zoom.bands.forEach(function (b) {
            var from = Math.max(u.valToPos(b.from, "x", true), u.bbox.left), to = Math.min(u.valToPos(b.to, "x", true), u.bbox.left + u.bbox.width);
            if (to <= from) return;
            u.ctx.fillStyle = tone(b.tone);
            u.ctx.fillRect(from, u.bbox.top, to - from, u.bbox.height);
          });
        }]
      }
    };
  }

  JSON.parse(data.textContent).forEach(function (zoom) {
    var figure = document.getElementById("fig-" + zoom.name);
    if (!figure) return;
    var plot = figure.querySelector(".plot"), drawing = plot.querySelector("svg"), box = null, shown = [];
    var button = document.createElement("button");
    button.type = "button";
    figure.querySelector(".tools").prepend(button);

    function close() {
      shown.forEach(function (u) { u.destroy(); });
      shown = [];
      if (box) box.remove();
      box = null;
      drawing.style.display = "";
      button.textContent = "Look closer";
      button.setAttribute("aria-pressed", "false");
    }
    function open() {
      drawing.style.display = "none";
      box = document.createElement("div");
      box.className = "zoomed";
      plot.append(box);
      zoom.panels.forEach(function (panel) {
        var cell = document.createElement("div");
        box.append(cell);
        shown.push(new uPlot(options(zoom, panel, cell.clientWidth), [panel.x].concat(panel.series.map(function (s) { return s.y; })), cell));
      });
      button.textContent = "Back to the drawing";
      button.title = "Drag to look closer, double-click for all of it";
      button.setAttribute("aria-pressed", "true");
    }
    button.addEventListener("click", function () { box ? close() : open(); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { if (box) { close(); open(); } });
    addEventListener("resize", function () {
      shown.forEach(function (u) { u.setSize({ width: u.root.parentNode.clientWidth, height: 190 }); });
    });
    addEventListener("beforeprint", close);
    close();
  });
})();
