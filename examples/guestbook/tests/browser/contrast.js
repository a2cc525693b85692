// The texts whose contrast with the ground behind them is less than 4.5 to 1 (WCAG 2.2, success criterion 1.4.3).
const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
const luminance = ([red, green, blue]) => {
  const [r, g, b] = [red, green, blue].map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = numbers(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
return [...document.body.querySelectorAll("*")].filter(hasText).flatMap((element) => {
  const [a, b] = [numbers(getComputedStyle(element).color), ground(element)].map(luminance);
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  return contrast < 4.5 ? [`${element.outerHTML.slice(0, 80)}: ${contrast.toFixed(2)}`] : [];
});
