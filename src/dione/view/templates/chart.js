// A pixel over time: four bands with one sigma as an SVG chart and as a table.
const BANDS = ["blue", "green", "red", "nir"], BOX = { left: 34, right: 330, top: 10, bottom: 186 };

const svg = (name, attributes, text = "") => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
};
const cell = (tag, text, attributes = {}) => Object.assign(document.createElement(tag), { textContent: text, ...attributes });
const round = value => value.toFixed(3);

function chart(into, found, now) {
  const times = found.map(one => Date.parse(one.date.slice(0, 10))), first = Math.min(...times), last = Math.max(...times);
  const most = Math.max(0.05, ...found.flatMap(one => BANDS.map((_, band) => Math.max((one.sr?.[band] ?? 0) + (one.sigma?.[band] ?? 0), one.input?.[band] ?? 0))));
  const top = Math.ceil(most * 10.5) / 10;
  const x = at => first === last ? (BOX.left + BOX.right) / 2 : BOX.left + 8 + (at - first) / (last - first) * (BOX.right - BOX.left - 16);
  const y = value => BOX.bottom - Math.max(0, value) / top * (BOX.bottom - BOX.top);
  const drawn = [0, 0.5, 1].flatMap(part => [svg("path", { class: "axis", d: `M${BOX.left} ${y(part * top)}H${BOX.right}` }), svg("text", { x: BOX.left - 4, y: y(part * top) + 3, "text-anchor": "end" }, (part * top).toFixed(2))]);
  drawn.push(svg("path", { class: "now", d: `M${x(Date.parse(now.slice(0, 10)))} ${BOX.top}V${BOX.bottom}` }));
  for (const [at, anchor] of first === last ? [[0, "middle"]] : [[0, "start"], [found.length - 1, "end"]]) drawn.push(svg("text", { x: x(times[at]), y: 202, "text-anchor": anchor }, found[at].date.slice(0, 10)));
  BANDS.forEach((band, number) => {
    const group = svg("g", { class: band }), seen = found.map((one, at) => ({ at: x(times[at]), ...one })).filter(one => one.sr);
    if (!seen.length) return;
    if (seen.every(one => one.sigma)) {
      const edge = sign => seen.map(one => `${one.at} ${y(one.sr[number] + sign * one.sigma[number])}`);
      group.append(svg("path", { class: "band", d: seen.length > 1 ? `M${[...edge(1), ...edge(-1).reverse()].join("L")}Z` : `M${seen[0].at - 4} ${edge(1)[0].split(" ")[1]}H${seen[0].at + 4}V${edge(-1)[0].split(" ")[1]}H${seen[0].at - 4}Z` }));
    }
    group.append(svg("path", { class: "course", d: `M${seen.map(one => `${one.at} ${y(one.sr[number])}`).join("L")}` }));
    for (const one of seen) group.append(svg("circle", { class: "is", cx: one.at, cy: y(one.sr[number]), r: 2.6 }));
    found.forEach((one, at) => { if (one.input) group.append(svg("circle", { class: "was", cx: x(times[at]), cy: y(one.input[number]), r: 4 })); });
    drawn.push(group);
  });
  into.replaceChildren(...drawn);
}

function table(into, found, now) {
  into.tHead.replaceChildren(cell("tr", ""));
  into.tHead.rows[0].append(...["date", ...BANDS].map(name => cell("th", name, { scope: "col" })));
  into.tBodies[0].replaceChildren(...found.map(one => {
    const row = cell("tr", "", { className: one.date === now ? "now" : "" });
    row.append(cell("th", one.date, { scope: "row" }));
    if (one.support) row.cells[0].append(cell("small", one.support));
    BANDS.forEach((_, band) => {
      const value = cell("td", one.sr ? round(one.sr[band]) : "–");
      if (one.sr && one.sigma) value.append(" ", cell("small", `±${round(one.sigma[band])}`));
      if (one.input) value.append(document.createElement("br"), cell("small", `10 m ${round(one.input[band])}`));
      row.append(value);
    });
    return row;
  }));
}

function names(into, measured) {
  const marks = BANDS.flatMap(band => [cell("i", "", { className: band }), band === "nir" ? "near infrared" : band]);
  if (measured) marks.push(cell("i", "", { className: "open" }), "as measured");
  into.replaceChildren(...marks);
}
