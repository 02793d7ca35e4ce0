// Before anything is painted: the look that was chosen here, if one was.
const chosen = localStorage.getItem("amber-theme");
if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
