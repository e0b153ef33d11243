/* What is done for each kind of example. */

const enhancers = {
  async alignment(article, data) {
    const [attention] = data.attentions;
    const matrix = outlined(attention);
    const all = () => saved(data.title, [{ ...attention, matrices: [matrix] }]);
    const element = article.querySelector(".stage");
    // A table shows what it shows; the weights are needed for more than that alone.
    if (!element.querySelector("table")) await matrix.unpack();
    const stage = new Stage(element, data.title, all);
    stage.show(matrix);
    painted(stage.element, () => stage.paint());
  },

  async attentions(article, data) {
    const attentions = await allUnpacked(data);
    const all = () => saved(data.title, attentions);
    const sections = [...article.querySelectorAll("section")];
    const grids = sections.map(
      (section, place) => new HeadGrid(section, attentions[place], data.title, all),
    );
    for (const grid of grids) await grid.start();
  },

  async text(article) {
    const title = article.querySelector("h2").textContent;
    const weights = () => saveJson({ title, sentences: piecesOf(article) }, title);
    article.append(saves({ JSON: ["the weights", weights] }));
  },
};

/** Return each attention of an example, with a matrix for each of its heads. */
const allUnpacked = ({ attentions }) =>
  Promise.all(attentions.map(async ({ name, query, key, ...packed }) => ({
    name, query, key, matrices: await unpacked({ query, key, ...packed }),
  })));

/** Return the weights of an example, for machines. */
const saved = (title, attentions) => ({
  title,
  attentions: attentions.map(({ name, query, key, matrices }) => ({
    name, query, key, heads: matrices.map((matrix) => ({ ...matrix.head, ...matrix.toJSON() })),
  })),
});

/** Return the pieces of each sentence of a shaded text, as [text, weight]. */
const piecesOf = (article) =>
  [...article.querySelectorAll(".shaded")].map((sentence) =>
    Array.from(sentence.childNodes, (piece) => [
      piece.textContent, Number(piece.dataset?.weight ?? 0),
    ]),
  );

async function enhanceOne(article) {
  const kind = Object.keys(enhancers).find((each) => article.classList.contains(each));
  if (!kind || article.dataset.enhanced) return;
  article.dataset.enhanced = "begun";
  const data = article.querySelector('script[type="application/json"]')?.textContent;
  // Where there is nothing to draw, there are no data.
  if (data || kind === "text") await enhancers[kind](article, data && JSON.parse(data));
  article.dataset.enhanced = "done";
}

/** Make the examples in an element interactive; done when the promise is. */
async function enhance(root) {
  if (!("DecompressionStream" in window)) return;
  const articles = root.matches?.("article") ? [root] : root.querySelectorAll("article");
  for (const article of articles) await enhanceOne(article);
}

window.regard = { enhance };
enhance(document);
