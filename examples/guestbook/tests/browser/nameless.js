// The fields without a label, and the buttons without a name.
return [...document.querySelectorAll("input:not([type=hidden]), textarea, select, button, a")]
  .filter((element) => {
    const labels = [...(element.labels ?? [])].map((label) => label.textContent);
    const own = element.matches("button, a") ? [element.textContent] : [];
    return ![element.getAttribute("aria-label") ?? "", ...labels, ...own].some((name) => name.trim());
  })
  .map((element) => element.outerHTML);
