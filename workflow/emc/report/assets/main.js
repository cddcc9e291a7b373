// What the address asks for: the overview, or one cell.

const page = JSON.parse(document.querySelector("#data").textContent);
page.cells = rowsOf(page.cells);
const title = document.title;

/** The id that the address names, or null. */
function current() {
  const [key, value] = location.hash.slice(1).split("=");
  return key === "cell" ? decodeURIComponent(value ?? "") : null;
}

function route() {
  const wanted = current();
  const place = page.cells.findIndex((cell) => cell.cell === wanted);
  document.querySelector("#overview").hidden = place >= 0;
  document.querySelector("header").hidden = place >= 0;
  document.querySelector("#cell").hidden = place < 0;
  document.title = place < 0 ? title : `${wanted} – ${title}`;
  if (place >= 0) {
    showCell(place);
    scrollTo(0, 0);
  } else {
    document.querySelector("#cell").replaceChildren();
    if (location.hash.length > 1 && wanted === null) document.querySelector(location.hash)?.scrollIntoView();
  }
}

openTable();
watchFigures();
addEventListener("hashchange", route);
route();
