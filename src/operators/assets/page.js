// The page works without this. With it, ending many sessions is asked about, and the numbers keep up.
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

const refresh = async () => {
  if (document.hidden || document.activeElement?.closest("main")) return;
  const response = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of [".live", ".plots"]) {
    const old = document.querySelector(part), next = fresh.querySelector(part);
    if (old && next) old.replaceWith(next);
  }
};
setInterval(() => refresh().catch(() => {}), 5000);
