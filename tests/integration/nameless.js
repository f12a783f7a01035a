// Gives what has no name for those who cannot see it, and ids that come twice.
() => {
  const wrong = [];
  const named = (node) =>
    node.getAttribute("aria-label")?.trim() || node.textContent.trim() || node.labels?.length ||
    document.getElementById(node.getAttribute("aria-labelledby"))?.textContent.trim();
  for (const node of document.querySelectorAll("button, a[href], input, select, dialog, [role=grid], [role=region], progress, summary"))
    if (!named(node)) wrong.push(`no name: ${node.outerHTML.slice(0, 80)}`);
  for (const image of document.images) if (!image.hasAttribute("alt")) wrong.push("an image without alt");
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  wrong.push(...ids.filter((id, place) => ids.indexOf(id) !== place).map((id) => `twice: ${id}`));
  for (const node of document.querySelectorAll("[tabindex]")) if (node.tabIndex > 0) wrong.push("a tabindex above 0");
  if (!document.documentElement.lang) wrong.push("no language");
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  if (!document.querySelector("main") || !document.querySelector("nav")) wrong.push("no landmarks");
  return wrong;
}
