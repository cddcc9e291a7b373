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
  const overview = wanted === null;
  document.querySelector("#overview").hidden = !overview;
  document.querySelector("header").hidden = !overview;
  document.querySelector("#cell").hidden = overview;
  document.title = overview ? title : `${wanted} – ${title}`;
  if (overview) {
    document.querySelector("#cell").replaceChildren();
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
  } else {
    showCell(wanted);
    scrollTo(0, 0);
  }
}

openTable();
watchFigures();
addEventListener("hashchange", route);
route();
