(() => {
  "use strict";
  const table = document.getElementById("changes");
  if (!table) return;
  const form = document.getElementById("search");
  const words = document.getElementById("words");
  const next = document.getElementById("next");
  const told = document.getElementById("told");
  const rows = [...table.tBodies, ...document.getElementById("more").content.children];
  const step = 100;
  let most = step;
  let texts;
  const draw = () => {
    const asked = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (asked.length) texts ??= rows.map((row) => row.textContent.toLowerCase());
    const hits = asked.length ? rows.filter((_, at) => asked.every((word) => texts[at].includes(word))) : rows;
    table.replaceChildren(table.tHead, ...hits.slice(0, most));
    next.hidden = hits.length <= most;
    const seen = Math.min(most, hits.length);
    told.textContent = asked.length
      ? `${seen} of ${hits.length} found among ${rows.length}`
      : `${seen} of ${rows.length}`;
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  words.addEventListener("input", () => { most = step; draw(); });
  next.addEventListener("click", () => { most += step; draw(); });
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
  form.hidden = false;
  draw();
})();
