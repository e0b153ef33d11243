/* Files that the page hands out. */

function save(text, type, name, suffix) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: address, download: fileName(name) + suffix }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

const saveJson = (data, name) => save(JSON.stringify(data), "application/json", name, ".json");

const saveDrawing = (drawing, name) =>
  save(new XMLSerializer().serializeToString(drawing), "image/svg+xml", name, ".svg");

/** Return a name that every file system takes. */
function fileName(title) {
  const words = title.match(/[\p{L}\p{N}]+/gu) ?? ["attention"];
  return words.join("-").slice(0, 60);
}

/** Return a row of buttons that save what they are named after, once it is ready. */
function saves(acts, ready = async () => {}) {
  const buttons = Object.entries(acts).map(([name, [what, act]]) =>
    button(name, () => ready().then(act), { "aria-label": `Save ${what} as ${name}` }),
  );
  return make("p", { class: "saves" }, "Save", ...buttons);
}
